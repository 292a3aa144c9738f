// what Python writes at the head of every script (widgets/shared/view.py)
declare const UNITS: Record<string, { percent: boolean; decimals: number }>;
