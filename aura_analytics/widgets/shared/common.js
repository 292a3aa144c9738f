// What all widgets share: their look, their frame, and words for numbers. Every widget is this and its own file, as one module that loads nothing.

const WORDS = { clear: "not flagged", not_judged: "not judged" };
const spoken = (name) => WORDS[name] || name.replaceAll("_", " ");
const VERDICTS = ["insufficient", "clear", "watch", "flag"];
const MARKS = { insufficient: "■", clear: "●", watch: "◆", flag: "▲", not_judged: "○" };

const LOOK = `
.aura { --ink: var(--jp-ui-font-color1, #1b1f24); --muted: var(--jp-ui-font-color2, #5b6470); --line: var(--jp-border-color2, #d5d9de);
  --ground: var(--jp-layout-color0, #fff); --flag: #b34700; --watch: #8a5f00; --clear: #0072b2; --insufficient: #68707a; --not_judged: #68707a; --alarm: #b3261e; --alarm-ground: #fdecea;
  color: var(--ink); background: var(--ground); font: 13px/1.45 system-ui, sans-serif; max-width: 980px; padding: 12px; border: 1px solid var(--line); border-radius: 6px; }
.aura.dark { --flag: #ff8a3d; --watch: #f0b429; --clear: #56b4e9; --insufficient: #98a1ac; --not_judged: #98a1ac; --alarm: #ff8a80; --alarm-ground: #3a1c1a; }
.aura [hidden] { display: none !important; }
.aura, .aura * { box-sizing: border-box; }
.aura h2.title { margin: 0 0 2px; font-size: 15px; font-weight: 600; }
.aura h3 { margin: 0 0 2px; font-size: 15px; font-weight: 600; }
.aura h4 { margin: 10px 0 2px; font-size: 13px; font-weight: 600; }
.aura .said { margin: 0 0 10px; color: var(--muted); }
.aura .error { color: var(--alarm); font-weight: 600; white-space: pre-wrap; }
.aura button, .aura select, .aura input:not([type=range]):not([type=checkbox]) { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: 4px; padding: 3px 8px; }
.aura button { cursor: pointer; }
.aura button:disabled, .aura button[aria-disabled=true] { cursor: default; color: var(--muted); }
.aura :focus-visible { outline: 2px solid var(--clear); outline-offset: 1px; }
.aura label.set { display: grid; grid-template-columns: 1fr auto; gap: 0 8px; margin: 0 0 8px; }
.aura label.set output { font-variant-numeric: tabular-nums; font-weight: 600; }
.aura label.set input[type=range] { grid-column: 1 / 3; width: 100%; margin: 2px 0 0; accent-color: var(--clear); }
.aura .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(120px, 1fr)); gap: 8px; margin: 10px 0; }
.aura .card { border: 1px solid var(--line); border-radius: 5px; padding: 6px 8px; text-align: left; }
.aura .card b { display: block; font-size: 17px; font-variant-numeric: tabular-nums; }
.aura .card span { color: var(--muted); }
.aura .card em { display: block; font-style: normal; color: var(--muted); font-size: 12px; font-variant-numeric: tabular-nums; }
.aura table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; color: inherit; }
.aura th, .aura td { text-align: left; padding: 2px 8px 2px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.aura th { color: var(--muted); font-weight: normal; }
.aura td { overflow-wrap: normal; } .aura .scroll td { white-space: nowrap; }
.aura a { color: var(--clear); text-decoration: underline; }
.aura td.number, .aura th.number { text-align: right; }
.aura .scroll { max-height: 240px; overflow: auto; }
.aura .waits { margin: 0 0 8px; color: var(--muted); } .aura .waits.lost { color: var(--alarm); font-weight: 600; }
.aura { container-type: inline-size; }
`;

const element = (tag, fields = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), fields);
  made.append(...children);
  return made;
};

// what has the focus, inside a shadow root too
const focused = (node) => {
  const active = node.getRootNode().activeElement || document.activeElement;
  return active && node.contains(active) ? active : null;
};

const drawn = (tag, fields = {}, text = null) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(fields)) made.setAttribute(name, value);
  if (text !== null) made.textContent = text;
  return made;
};

// how numbers in a unit are written: UNITS is generated from the table in Python
const shown = (x, unit) =>
  x === null || x === undefined || Number.isNaN(x)
    ? "–"
    : UNITS[unit]?.percent
      ? `${(100 * x).toFixed(Math.abs(100 * x - Math.round(100 * x)) > 1e-9 ? UNITS[unit].decimals : 0)} %`
      : Number.isInteger(x)
        ? x.toLocaleString("en")
        : x.toFixed((UNITS[unit] || { decimals: 2 }).decimals);

const many = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;

// rounded as Python rounds: a half goes to the even digit
function fixed(x, digits) {
  const scaled = x * 10 ** digits,
    low = Math.floor(scaled);
  return (scaled - low === 0.5 ? (low % 2 ? low + 1 : low) / 10 ** digits : x).toFixed(digits);
}

// the same in a table or a sentence, always with the decimals of its unit
const exact = (x, unit) =>
  x === null || x === undefined || Number.isNaN(x)
    ? "–"
    : UNITS[unit]?.percent
      ? `${fixed(100 * x, UNITS[unit].decimals)} %`
      : Number(fixed(x, (UNITS[unit] || { decimals: 2 }).decimals)).toLocaleString("en", {
          minimumFractionDigits: (UNITS[unit] || { decimals: 2 }).decimals,
          maximumFractionDigits: (UNITS[unit] || { decimals: 2 }).decimals,
        });

// Marks of an axis from 0 that reaches a number: round ones, at most six.
function marks(most) {
  const rough = (most || 1) / 5,
    size = 10 ** Math.floor(Math.log10(rough)),
    step = size * [1, 2, 5, 10].find((each) => size * each >= rough * 0.999);
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

// A slider or a list of choices for everything that can be set.
/**
 * @param {any} box
 * @param {any[]} all
 * @param {{ fixed?: (one: any) => boolean, named?: (choice: any) => string, moved: (one: any, value: any) => void }} how
 */
function settings(box, all, { fixed = (_) => false, named = (choice) => String(choice), moved }) {
  const held = focused(box) ? focused(box).dataset.key : null;
  box.replaceChildren(
    ...all.map((one) => {
      const label = element("label", { className: "set" }, element("span", { textContent: one.label }));
      if (one.choices.length) {
        const select = element("select", { disabled: fixed(one) });
        select.dataset.key = one.key;
        for (const choice of one.choices) {
          const option = new Option(named(choice), JSON.stringify(choice));
          option.selected = choice === one.value;
          select.append(option);
        }
        select.addEventListener("change", () => moved(one, JSON.parse(select.value)));
        label.append(select);
        return label;
      }
      const output = element("output", { textContent: shown(one.value, one.unit) });
      const input = element("input", {
        type: "range",
        min: one.low,
        max: one.high,
        step: one.step || "any",
        value: one.value,
        disabled: fixed(one),
      });
      input.dataset.key = one.key;
      input.setAttribute("aria-label", one.label);
      input.setAttribute("aria-valuetext", shown(one.value, one.unit));
      input.addEventListener("input", () => {
        const value = Number(input.value);
        output.textContent = shown(value, one.unit);
        input.setAttribute("aria-valuetext", output.textContent);
        moved(one, value);
      });
      label.append(output, input);
      return label;
    }),
  );
  const again = held && box.querySelector(`[data-key="${held}"]`);
  if (again) again.focus();
}

// What is set elsewhere, or was refused, stands on the sliders again; what is being moved (waiting) stays. False when they are other sliders.
function resettle(box, all, waiting) {
  const inputs = [...box.querySelectorAll("[data-key]")];
  if (all.map((one) => one.key).join() !== inputs.map((input) => input.dataset.key).join()) return false;
  all.forEach((one, i) => {
    if (one.key in waiting) return;
    inputs[i].value = one.choices.length ? JSON.stringify(one.value) : one.value;
    const output = inputs[i].parentElement.querySelector("output");
    if (!output) return;
    output.textContent = shown(one.value, one.unit);
    inputs[i].setAttribute("aria-valuetext", output.textContent);
  });
  return true;
}
