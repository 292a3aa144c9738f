// The tuner's front end: sliders, a picture on a canvas, who enters and leaves. It follows the sliders by itself and asks the kernel a moment later.
// Without a kernel (an exported page) it does the same with what it was given.

const [NO, LEANS_NO, UNKNOWN, LEANS_YES, YES] = [0, 1, 2, 3, 4];
const VERDICTS = ["insufficient", "clear", "watch", "flag"];
const VERDICT_OF = [1, 1, 0, 2, 3];
const WEAK = [0, 2, 1, 3, 4];

const STYLE = `
.aura-tuner { --ink: var(--jp-ui-font-color1, #1b1f24); --muted: var(--jp-ui-font-color2, #5b6470); --line: var(--jp-border-color2, #d5d9de);
  --ground: var(--jp-layout-color0, #fff); --flag: #b34700; --watch: #b07a00; --clear: #0072b2; --insufficient: #7a828c;
  color: var(--ink); background: var(--ground); font: 13px/1.45 system-ui, sans-serif; max-width: 980px; padding: 12px; border: 1px solid var(--line); border-radius: 6px; }
.aura-tuner.dark { --flag: #ff8a3d; --watch: #f0b429; --clear: #56b4e9; --insufficient: #98a1ac; }
.aura-tuner h3 { margin: 0 0 2px; font-size: 15px; }
.aura-tuner .said { margin: 0 0 10px; color: var(--muted); }
.aura-tuner .columns { display: grid; grid-template-columns: minmax(260px, 1fr) minmax(320px, 1.5fr); gap: 18px; }
@media (max-width: 640px) { .aura-tuner .columns { grid-template-columns: 1fr; } }
.aura-tuner label { display: grid; grid-template-columns: 1fr auto; gap: 0 8px; margin: 0 0 8px; }
.aura-tuner label output { font-variant-numeric: tabular-nums; font-weight: 600; }
.aura-tuner label input[type=range] { grid-column: 1 / 3; width: 100%; margin: 2px 0 0; accent-color: var(--clear); }
.aura-tuner select { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: 4px; padding: 1px 4px; }
.aura-tuner canvas { width: 100%; height: 300px; display: block; }
.aura-tuner .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(120px, 1fr)); gap: 8px; margin: 10px 0; }
.aura-tuner .card { border: 1px solid var(--line); border-radius: 5px; padding: 6px 8px; }
.aura-tuner .card b { display: block; font-size: 17px; font-variant-numeric: tabular-nums; }
.aura-tuner .card span { color: var(--muted); }
.aura-tuner .changes { max-height: 150px; overflow: auto; margin: 0; padding-left: 18px; }
.aura-tuner .error { color: var(--flag); font-weight: 600; }
.aura-tuner button { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: 4px; padding: 3px 10px; cursor: pointer; }
.aura-tuner :focus-visible { outline: 2px solid var(--clear); outline-offset: 1px; }
.aura-tuner .legend span { margin-right: 12px; white-space: nowrap; } .aura-tuner .legend i { font-style: normal; margin-right: 4px; }
`;

const floats = (data) => {
  if (data instanceof DataView) return new Float64Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
  return new Float64Array(Uint8Array.from(atob(data), (c) => c.charCodeAt(0)).buffer);
};

function compare(leaf, i) {
  let value = leaf.value[i];
  const n = leaf.n[i];
  const missing = Number.isNaN(value) || n === 0 || (leaf.zero_is_missing && value === 0);
  const filled = missing ? (leaf.missing_as === null ? NaN : leaf.missing_as) : value;
  const met = (x) => leaf.side === "high" ? (leaf.strict ? x > leaf.threshold : x >= leaf.threshold) : (leaf.strict ? x < leaf.threshold : x <= leaf.threshold);
  let unknown = leaf.missing_as === null ? Number.isNaN(filled) || n < leaf.min_n : !missing && n < leaf.min_n;
  if (leaf.limit === null) return unknown ? UNKNOWN : met(filled) ? YES : NO;
  const yes = met(leaf.near[i]);
  const no = !Number.isNaN(leaf.far[i]) && !met(leaf.far[i]);
  unknown = unknown && !(no && !missing);
  return unknown ? UNKNOWN : yes ? YES : no ? NO : met(filled) ? LEANS_YES : LEANS_NO;
}

function answer(shape, leaves, i) {
  if (typeof shape === "string") return compare(leaves[shape], i);
  const parts = shape.slice(1).map((part) => answer(part, leaves, i));
  return shape[0] === "any" ? Math.max(...parts) : WEAK[Math.min(...parts.map((code) => WEAK[code]))];
}

export function verdictsOf(data, leaves) {
  const out = new Uint8Array(data.actors.length);
  for (let i = 0; i < out.length; i++) {
    let grave = 0, lacking = false;
    for (const rule of data.shape) {
      const code = data.silent[i] ? 0 : VERDICT_OF[answer(rule, leaves, i)];
      grave = Math.max(grave, code);
      lacking = lacking || code === 0;
    }
    out[i] = grave >= 2 ? grave : lacking ? 0 : 1;
  }
  return out;
}

const shown = (x, unit) => x === null || x === undefined || Number.isNaN(x) ? "–" : unit === "fraction" ? `${(100 * x).toFixed(x * 100 % 1 ? 1 : 0)} %` : Number.isInteger(x) ? String(x) : x.toFixed(2);

function render({ model, el }) {
  const root = document.createElement("section");
  root.className = "aura-tuner";
  root.setAttribute("aria-label", "Threshold tuner");
  root.innerHTML = `<style>${STYLE}</style><h3></h3><p class="said" role="status" aria-live="polite"></p><p class="error" role="alert" hidden></p>
    <div class="columns"><div class="settings"></div><div><canvas role="img" tabindex="-1"></canvas><div class="legend" aria-hidden="true"></div></div></div>
    <div class="cards"></div><h3 class="who"></h3><ul class="changes"></ul><p><button type="button" class="reset">Back to the saved policy</button></p>`;
  // JupyterLab takes the arrow keys for itself
  for (const kind of ["keydown", "keypress", "keyup"]) root.addEventListener(kind, (event) => event.stopPropagation());
  el.append(root);
  const find = (name) => root.querySelector(name);
  const canvas = find("canvas");
  let leaves = {}, timer = null, waiting = {}, verdicts = new Uint8Array(0);

  const theme = () => {
    const ground = getComputedStyle(root).backgroundColor.match(/[\d.]+/g) || [255, 255, 255];
    root.classList.toggle("dark", 0.299 * ground[0] + 0.587 * ground[1] + 0.114 * ground[2] < 128);
  };

  function load() {
    leaves = {};
    for (const leaf of model.get("data").leaves) {
      const arrays = {};
      for (const name of ["value", "n", "near", "far"]) arrays[name] = floats(leaf[name]);
      leaves[leaf.key] = { ...leaf, ...arrays };
    }
  }

  function sliders() {
    const box = find(".settings");
    box.replaceChildren();
    for (const one of model.get("settings")) {
      const label = document.createElement("label");
      const name = document.createElement("span");
      name.textContent = one.label;
      label.append(name);
      if (one.choices.length) {
        const select = document.createElement("select");
        select.dataset.key = one.key;
        for (const choice of one.choices) {
          const option = new Option(typeof choice === "number" ? `${100 * choice} %` : choice, JSON.stringify(choice));
          option.selected = choice === one.value;
          select.append(option);
        }
        select.disabled = model.get("alone");
        select.addEventListener("change", () => tell(one.key, JSON.parse(select.value)));
        label.append(select);
      } else {
        const output = document.createElement("output");
        output.textContent = shown(one.value, one.unit);
        const input = document.createElement("input");
        Object.assign(input, { type: "range", min: one.low, max: one.high, step: one.step || "any", value: one.value });
        input.dataset.key = one.key;
        input.disabled = model.get("alone") && (one.key === "k" || one.key === "m");
        input.setAttribute("aria-label", one.label);
        input.setAttribute("aria-valuetext", shown(one.value, one.unit));
        input.addEventListener("input", () => {
          const value = Number(input.value);
          output.textContent = shown(value, one.unit);
          input.setAttribute("aria-valuetext", output.textContent);
          follow(one.key, value);
          tell(one.key, value);
        });
        label.append(output, input);
      }
      box.append(label);
    }
  }

  function follow(key, value) {
    const cut = key.lastIndexOf(".");
    const leaf = leaves[key.slice(0, cut)], field = key.slice(cut + 1);
    if (!leaf || !(field === "threshold" || field === "min_n")) return;
    leaf[field] = value;
    if (model.get("data").plain) { verdicts = verdictsOf(model.get("data"), leaves); paint(); words(null); }
  }

  function tell(key, value) {
    if (model.get("alone")) return;
    waiting[key] = value;
    clearTimeout(timer);
    timer = setTimeout(() => { model.set("asked", { values: waiting, at: Date.now() }); waiting = {}; model.save_changes(); }, 60);
  }

  function paint() {
    const data = model.get("data"), list = Object.values(leaves), [x, y] = [list[0], list[1] || list[0]];
    const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth || 480, height = canvas.clientHeight || 300;
    if (canvas.width !== width * ratio || canvas.height !== height * ratio) { canvas.width = width * ratio; canvas.height = height * ratio; }
    const g = canvas.getContext("2d"), style = getComputedStyle(root), ink = (name) => style.getPropertyValue(`--${name}`).trim();
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, width, height);
    const pad = { left: 46, right: 22, top: 8, bottom: 34 }, ranges = data.ranges;
    const px = (v) => pad.left + (v - ranges[x.key][0]) / (ranges[x.key][1] - ranges[x.key][0]) * (width - pad.left - pad.right);
    const py = (v) => height - pad.bottom - (v - ranges[y.key][0]) / (ranges[y.key][1] - ranges[y.key][0]) * (height - pad.top - pad.bottom);
    g.strokeStyle = ink("line"); g.fillStyle = ink("muted"); g.font = "11px system-ui, sans-serif"; g.lineWidth = 1;
    for (let i = 0; i <= 4; i++) {
      const vx = ranges[x.key][0] + i / 4 * (ranges[x.key][1] - ranges[x.key][0]), vy = ranges[y.key][0] + i / 4 * (ranges[y.key][1] - ranges[y.key][0]);
      g.beginPath(); g.moveTo(px(vx), pad.top); g.lineTo(px(vx), height - pad.bottom); g.moveTo(pad.left, py(vy)); g.lineTo(width - pad.right, py(vy)); g.stroke();
      g.textAlign = "center"; g.fillText(shown(vx, x.unit), px(vx), height - pad.bottom + 14);
      g.textAlign = "right"; g.fillText(shown(vy, y.unit), pad.left - 5, py(vy) + 4);
    }
    g.textAlign = "center"; g.fillText(x.title, pad.left + (width - pad.left - pad.right) / 2, height - 4);
    g.save(); g.translate(11, height / 2 - 10); g.rotate(-Math.PI / 2); g.fillText(y.title, 0, 0); g.restore();
    const colours = VERDICTS.map(ink), order = [0, 1, 2, 3], size = verdicts.length > 3000 ? 1.5 : verdicts.length > 300 ? 2.5 : 4;
    for (const verdict of order) {
      g.fillStyle = colours[verdict];
      for (let i = 0; i < verdicts.length; i++) {
        if (verdicts[i] !== verdict || Number.isNaN(x.value[i]) || Number.isNaN(y.value[i])) continue;
        const cx = px(x.value[i]), cy = py(y.value[i]);
        // shape as well as colour: a flag is a square, watch a diamond
        if (size < 2) g.fillRect(cx - 1, cy - 1, 2.5, 2.5);
        else if (verdict === 3) g.fillRect(cx - size, cy - size, 2 * size, 2 * size);
        else { g.beginPath(); if (verdict === 2) { g.moveTo(cx, cy - size - 1); g.lineTo(cx + size + 1, cy); g.lineTo(cx, cy + size + 1); g.lineTo(cx - size - 1, cy); } else g.arc(cx, cy, size - 0.5, 0, 7); g.fill(); }
      }
    }
    g.strokeStyle = ink("flag"); g.setLineDash([5, 4]); g.lineWidth = 1.5; g.beginPath();
    if (x.threshold !== null) { g.moveTo(px(x.threshold), pad.top); g.lineTo(px(x.threshold), height - pad.bottom); }
    if (y !== x && y.threshold !== null) { g.moveTo(pad.left, py(y.threshold)); g.lineTo(width - pad.right, py(y.threshold)); }
    g.stroke(); g.setLineDash([]);
    root.dataset.painted = String(Number(root.dataset.painted || 0) + 1);
  }

  function words(result) {
    const data = model.get("data"), now = [], before = new Set(data.before);
    for (let i = 0; i < verdicts.length; i++) if (verdicts[i] === 3) now.push(data.actors[i]);
    const after = new Set(now), enters = now.filter((name) => !before.has(name)), leaves_ = data.before.filter((name) => !after.has(name));
    const counts = VERDICTS.map((_, code) => verdicts.reduce((sum, v) => sum + (v === code), 0));
    const text = `${counts[3]} of ${verdicts.length} flagged (saved policy: ${data.before.length}); ${enters.length} enter, ${leaves_.length} leave.`;
    find(".said").textContent = text;
    canvas.setAttribute("aria-label", `Everybody by ${Object.values(leaves).map((leaf) => leaf.title).join(" and ")}. ${text}`);
    find(".who").textContent = enters.length + leaves_.length ? "Who enters, who leaves" : "";
    const reasons = (result && result.reasons) || {};
    find(".changes").replaceChildren(...[...enters.map((name) => ["enters", name]), ...leaves_.map((name) => ["leaves", name])].slice(0, 200).map(([what, name]) => {
      const item = document.createElement("li");
      item.textContent = `${name} ${what}${reasons[name] ? `: ${reasons[name]}` : ""}`;
      return item;
    }));
    const cards = [["flagged", counts[3]], ["watched", counts[2]], ["clear", counts[1]], ["too little known", counts[0]]];
    const wrong = result && result.errors;
    if (wrong) cards.push(["false flags per officer-year", wrong.false_flags.toFixed(3)], ["of the bad ones missed", Number.isNaN(wrong.missed) || wrong.missed === null ? "–" : `${(100 * wrong.missed).toFixed(0)} %`], ["new flags per officer-year", wrong.flags.toFixed(2)]);
    if (result && result.confusion) for (const [name, label] of [["hit", "flagged rightly"], ["false_flag", "flagged wrongly"], ["missed", "missed"], ["right_not", "rightly not flagged"]]) cards.push([label, result.confusion[name]]);
    find(".cards").replaceChildren(...cards.map(([label, value]) => {
      const card = document.createElement("div");
      card.className = "card";
      card.append(Object.assign(document.createElement("b"), { textContent: value }), Object.assign(document.createElement("span"), { textContent: label }));
      return card;
    }));
  }

  // what was moved since the kernel was asked holds until it answers that as well
  function still() {
    for (const [key, value] of Object.entries(waiting)) {
      const cut = key.lastIndexOf("."), leaf = leaves[key.slice(0, cut)], field = key.slice(cut + 1);
      if (leaf && (field === "threshold" || field === "min_n")) leaf[field] = value;
    }
    return Object.keys(waiting).length > 0 && model.get("data").plain;
  }

  function taken() {
    const result = model.get("result");
    find(".error").hidden = !result.error;
    find(".error").textContent = result.error || "";
    load();
    verdicts = still() || !result.verdicts ? verdictsOf(model.get("data"), leaves) : Uint8Array.from(result.verdicts);
    root.dataset.answered = String(result.at || 0);
    paint();
    words(result);
  }

  find("h3").textContent = model.get("title");
  find(".legend").replaceChildren(...VERDICTS.map((name, code) => {
    const span = document.createElement("span");
    span.append(Object.assign(document.createElement("i"), { textContent: "●●◆■"[code], style: `color: var(--${name})` }), name);
    return span;
  }).reverse());
  find(".reset").addEventListener("click", () => {
    if (!model.get("alone")) { model.set("asked", { reset: true, at: Date.now() }); model.save_changes(); return; }
    model.set("settings", model.get("first")); load(); sliders(); verdicts = verdictsOf(model.get("data"), leaves); paint(); words(null);
  });
  theme();
  sliders();
  taken();
  model.on("change:result", taken);
  model.on("change:settings", sliders);
  const repaint = () => { theme(); paint(); };
  const watch = new ResizeObserver(repaint);
  watch.observe(canvas);
  const outer = new MutationObserver(repaint);
  for (const node of [document.documentElement, document.body]) outer.observe(node, { attributes: true, attributeFilter: ["class", "data-jp-theme-light", "style"] });
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", repaint);
  return () => { watch.disconnect(); outer.disconnect(); scheme.removeEventListener("change", repaint); };
}

export default { render };
