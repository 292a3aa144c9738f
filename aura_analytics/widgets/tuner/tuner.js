// The tuner's front end: sliders, a picture on a canvas, who enters and leaves. It follows the sliders by itself and asks the kernel a moment later.
// Without a kernel (an exported page) it does the same with what it was given.

const STYLE = `
.aura-tuner .columns { display: grid; grid-template-columns: minmax(260px, 1fr) minmax(320px, 1.5fr); gap: 18px; }
@container (max-width: 600px) { .aura-tuner .columns { grid-template-columns: 1fr; } }
.aura-tuner canvas { width: 100%; height: 300px; display: block; }
.aura-tuner .affected td:last-child { white-space: normal; }
.aura-tuner .costs svg { width: 100%; height: auto; display: block; font-size: 11px; }
.aura-tuner .costs { display: grid; grid-template-columns: minmax(220px, 1fr) minmax(320px, 1.5fr); gap: 18px; margin-top: 10px; }
@container (max-width: 600px) { .aura-tuner .costs { grid-template-columns: 1fr; } }
.aura-tuner .export { display: flex; flex-wrap: wrap; gap: 8px; align-items: end; margin: 10px 0; }
.aura-tuner .export label { display: block; margin: 0; }
.aura-tuner .export pre { flex-basis: 100%; margin: 0; padding: 8px; border: 1px solid var(--line); border-radius: 4px; overflow: auto; max-height: 260px; font-size: 12px; }
.aura-tuner .legend span { margin-right: 12px; white-space: nowrap; } .aura-tuner .legend i { font-style: normal; margin-right: 4px; }
`;

// bytes as they come from a kernel, or as text in a page
const bytes = (data) =>
  data instanceof DataView
    ? new Uint8Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength))
    : Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
const floats = (data) => new Float64Array(bytes(data).buffer);

// what a formula says of a value (or of every and of no value of an interval), as Python says it: see rules/comparisons/base.py
const COMPARE = { ">": (a, b) => a > b, ">=": (a, b) => a >= b, "<": (a, b) => a < b, "<=": (a, b) => a <= b };

// a formula as a function of (value, thresholds), or of (low, high, thresholds)
const together = (parts, all) =>
  all ? (...at) => parts.every((part) => part(...at)) : (...at) => parts.some((part) => part(...at));

function met([sign, ...parts]) {
  const holds = COMPARE[sign];
  return holds ? (value, at) => holds(value, at[parts[0]]) : together(parts.map(met), sign === "all");
}

function every([sign, ...parts]) {
  const holds = COMPARE[sign];
  if (!holds) return together(parts.map(every), sign === "all");
  return sign[0] === ">" ? (low, _, at) => holds(low, at[parts[0]]) : (_, high, at) => holds(high, at[parts[0]]);
}

function none([sign, ...parts]) {
  const holds = COMPARE[sign];
  if (!holds) return together(parts.map(none), sign !== "all");
  const never = (far, limit) => !Number.isNaN(far) && !holds(far, limit);
  return sign[0] === ">" ? (_, high, at) => never(high, at[parts[0]]) : (low, _, at) => never(low, at[parts[0]]);
}

// the answers of one comparison for all actors; those of the last time where nothing was changed.
// the tables of answers and verdicts come from Python with the data
function compared(leaf, code, held) {
  const given = JSON.stringify([leaf.formula, leaf.thresholds, leaf.min_n, leaf.missing_as, leaf.limited, leaf.zero_is_missing]);
  const before = held.get(leaf.value);
  if (before && before.given === given) return before.codes;
  const holds = met(leaf.formula),
    surely = every(leaf.formula),
    never = none(leaf.formula),
    at = leaf.thresholds;
  const codes = new Uint8Array(leaf.value.length);
  for (let i = 0; i < codes.length; i++) {
    const value = leaf.value[i],
      n = leaf.n[i];
    const missing = Number.isNaN(value) || n === 0 || (leaf.zero_is_missing && value === 0);
    const filled = missing ? (leaf.missing_as === null ? NaN : leaf.missing_as) : value;
    const yes = holds(filled, at);
    const unknown = leaf.missing_as === null ? Number.isNaN(filled) || n < leaf.min_n : !missing && n < leaf.min_n;
    if (!leaf.limited) codes[i] = unknown ? code.unknown : yes ? code.yes : code.no;
    else if (unknown && (missing || !never(leaf.low[i], leaf.high[i], at))) codes[i] = code.unknown;
    else if (surely(leaf.low[i], leaf.high[i], at)) codes[i] = code.yes;
    else if (never(leaf.low[i], leaf.high[i], at)) codes[i] = code.no;
    else codes[i] = yes ? code.leans_yes : code.leans_no;
  }
  held.set(leaf.value, { given, codes });
  return codes;
}

function answers(shape, of, weak) {
  if (typeof shape === "string") return of[shape];
  const parts = shape.slice(1).map((part) => answers(part, of, weak));
  const any = shape[0] === "any";
  return parts[0].map((first, i) => {
    let found = any ? first : weak[first];
    for (let k = 1; k < parts.length; k++) found = any ? Math.max(found, parts[k][i]) : Math.min(found, weak[parts[k][i]]);
    return any ? found : weak[found];
  });
}

function verdictsOf(data, leaves, held) {
  const code = Object.fromEntries(data.rules.answers.map((name, i) => [name, i]));
  const verdict = Object.fromEntries(data.rules.verdicts.map((name, i) => [name, i]));
  const of = Object.fromEntries(Object.entries(leaves).map(([key, leaf]) => [key, compared(leaf, code, held)]));
  const found = data.shape.map((rule) =>
    rule[0] === "watch" // a reason to look, which never flags
      ? answers(rule[1], of, data.rules.weak).map((one) => Math.min(one, code.leans_yes))
      : answers(rule, of, data.rules.weak),
  );
  const out = new Uint8Array(data.actors.length);
  for (let i = 0; i < out.length; i++) {
    let grave = 0,
      lacking = false;
    for (const one of found) {
      const said = data.silent[i] ? verdict.insufficient : data.rules.verdict_of[one[i]];
      grave = Math.max(grave, said);
      lacking = lacking || said === verdict.insufficient;
    }
    out[i] = grave >= verdict.watch ? grave : lacking ? verdict.insufficient : verdict.clear;
  }
  return out;
}

function render({ model, el }) {
  const { root, find, ask, pending, leave } = frame(
    { model, el },
    "tuner",
    "Threshold tuner",
    STYLE + HEAT_STYLE,
    `<div class="columns"><div><div class="settings"></div><p class="said fixed"></p></div><div><canvas role="img" tabindex="-1"></canvas><p class="said dot" hidden></p><div class="legend" aria-hidden="true"></div></div></div>
    <div class="cards"></div><p class="said counted"></p><details class="rule" hidden><summary>How often the saved policy is wrong, by its card</summary><ul></ul></details><h3 class="who" hidden>Who enters, who leaves</h3><div class="scroll affected" tabindex="0" role="region" aria-label="Who is affected"><table class="changes"></table></div>
    <div class="costs" hidden><div><h3>What a threshold costs</h3><p class="said cost-said"></p><label class="set"><span>An officer missed weighs as much as so many false flags</span><output class="weight-said">1</output>
      <input type="range" class="weight" min="-1" max="1.5" step="0.05" value="0" aria-label="An officer missed weighs as much as so many false flags"></label></div><figure style="margin:0"></figure></div>
    <div class="heat" hidden><h3>Two thresholds at once</h3><div class="axes"><label>Across<select class="heat-x"></select></label><label>Upwards<select class="heat-y"></select></label>
      <label>Colour<select class="heat-of"><option value="false_per_100">flagged wrongly</option><option value="missed_per_100">missed</option><option value="flagged">flagged</option></select></label><button type="button" class="draw-heat">Draw</button></div>
      <p class="said heat-said"></p><figure style="margin:0"></figure></div>
    <div class="keep kernel"><label>Name <input class="view-name" type="text" aria-label="Name of what is kept"></label><button type="button" class="keep-view">Keep these settings</button></div><div class="views" hidden></div>
    <div class="export"><button type="button" class="reset">Back to the saved policy</button><label class="kernel">Set by <input class="author" type="text" autocomplete="name" aria-label="Who sets the thresholds"></label>
      <button type="button" class="kernel save">Export as YAML</button><a class="download" hidden>Save the file</a><pre class="yaml" hidden tabindex="0" aria-label="The policy as a file"></pre></div>`,
    { retheme: () => paint(), owed: (state) => state === "lost" && unknown() },
  );
  const canvas = find("canvas"),
    alone = model.get("alone"),
    held = new WeakMap();
  let leaves = {},
    timer = null,
    waiting = {},
    asked = {},
    verdicts = new Uint8Array(0),
    moved = null,
    curving = null,
    loaded = null,
    arrays = {},
    places = null;

  // the arrays come again only when the window or a confidence was changed
  function load() {
    const data = model.get("data");
    if (data !== loaded) {
      loaded = data;
      arrays = {};
      for (const [key, packed] of Object.entries(data.arrays))
        arrays[key] = Object.fromEntries(["value", "n", "low", "high"].map((name) => [name, floats(packed[name])]));
    }
    leaves = {};
    for (const leaf of model.get("leaves")) leaves[leaf.key] = { ...leaf, thresholds: [...leaf.thresholds], ...arrays[leaf.key] };
  }

  function sliders() {
    settings(find(".settings"), model.get("settings"), {
      fixed: (one) => alone && (!model.get("result").plain || one.choices.length > 0 || one.key === "k" || one.key === "m"),
      named: (choice) => (typeof choice === "number" ? `${100 * choice} %` : choice),
      moved: (one, value) => {
        if (one.choices.length) {
          tell(one.key, value);
          costs();
          wonder();
          return;
        }
        moved = one.key;
        map.draw();
        tell(one.key, value);
        follow(one.key, value);
        costs();
        wonder();
      },
    });
  }

  // what a slider of a comparison sets: a threshold, or the least number; anything else needs the kernel
  function put(leaf, field, value) {
    if (!leaf || !(field === "min_n" || leaf.settings.includes(field))) return false;
    if (field === "min_n") leaf.min_n = value;
    else leaf.thresholds[leaf.settings.indexOf(field)] = value;
    return true;
  }

  function follow(key, value) {
    const cut = key.lastIndexOf(".");
    const leaf = leaves[key.slice(0, cut)],
      field = key.slice(cut + 1);
    if (!put(leaf, field, value)) return;
    if (model.get("result").plain) {
      verdicts = verdictsOf(model.get("data"), leaves, held);
      paint();
      words({ ...model.get("result"), reasons: {} }, true);
    }
  }

  // what was moved is told until it is answered: of several questions a busy kernel hears the last one
  function tell(key, value) {
    if (alone) return;
    waiting[key] = value;
    clearTimeout(timer);
    timer = setTimeout(() => {
      ask({ values: { ...waiting } });
      asked = { ...waiting };
    }, 60);
  }

  // the cost curve of the threshold that was moved last, a moment after it stands still
  function wonder() {
    if (!model.get("result").errors) return;
    moved = moved || model.get("settings").find((one) => one.unit && !one.choices.length)?.key;
    clearTimeout(curving);
    if (alone) model.set("curve", model.get("curves")[moved] || {});
    else curving = setTimeout(() => ask({ curve: moved, values: { ...waiting } }), 350);
  }

  // whether the curve is of the settings that stand now: of others it is not shown
  function stands(curve) {
    const now = Object.fromEntries(model.get("settings").map((one) => [one.key, one.value]));
    return alone || !curve.stands || curve.stands.every(([key, value]) => (key in waiting ? waiting[key] : now[key]) === value);
  }

  function costs() {
    const curve = model.get("curve");
    find(".costs").hidden = !curve.key;
    if (!curve.key) return;
    if (!stands(curve)) {
      find(".cost-said").textContent = "…";
      find(".costs figure").replaceChildren();
      return;
    }
    const weight = 10 ** Number(find(".weight").value),
      said = weight < 1 ? weight.toFixed(1) : weight.toFixed(weight < 10 ? 1 : 0);
    find(".weight-said").textContent = said;
    find(".weight").setAttribute("aria-valuetext", `${said} false flags`);
    const cost = curve.value.map((_, i) => curve.false_per_100[i] + weight * curve.missed_per_100[i]);
    const least = Math.min(...cost),
      best = curve.value.filter((_, i) => cost[i] <= least + 1e-9),
      now = Number(find(`input[data-key="${curve.key}"]`)?.value);
    const range =
      best.length > 1
        ? `from ${shown(best[0], curve.unit)} to ${shown(best[best.length - 1], curve.unit)}`
        : `at ${shown(best[0], curve.unit)}`;
    const text = `${curve.label}: least cost ${range}, ${least.toFixed(1)} false flags' worth among 100 officers over ${curve.days} days. That is the least of ${curve.value.length} values in the same ${many(curve.worlds, "world")} whose truth is known: a neighbour may be as good${alone ? " (the other thresholds as they were exported)" : ""}.`;
    find(".cost-said").textContent = text;
    const width = 540,
      height = 220,
      pad = { left: 34, right: 22, top: 10, bottom: 40 },
      ticks = marks(Math.max(...cost, 1)),
      most = ticks[ticks.length - 1],
      first = curve.value[0],
      last = curve.value[curve.value.length - 1];
    const px = (v) => pad.left + ((v - first) / (last - first || 1)) * (width - pad.left - pad.right),
      py = (v) => height - pad.bottom - (v / most) * (height - pad.top - pad.bottom);
    const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": text });
    for (let i = 0; i <= 4; i++) {
      const x = first + (i / 4) * (last - first);
      svg.append(
        drawn(
          "text",
          { x: px(x), y: height - pad.bottom + 14, "text-anchor": "middle", fill: "var(--muted)" },
          shown(x, curve.unit),
        ),
      );
    }
    for (const y of ticks) {
      svg.append(
        drawn("line", { x1: pad.left, x2: width - pad.right, y1: py(y), y2: py(y), stroke: "var(--line)", "stroke-width": 0.6 }),
      );
      svg.append(drawn("text", { x: pad.left - 4, y: py(y) + 4, "text-anchor": "end", fill: "var(--muted)" }, String(y)));
    }
    for (const [values, colour, dash, name] of [
      [curve.missed_per_100, "var(--watch)", "6 3", "missed"],
      [curve.false_per_100, "var(--flag)", "2 3", "false flags"],
      [cost, "var(--ink)", "", "cost"],
    ]) {
      svg.append(
        drawn("polyline", {
          points: values.map((v, i) => `${px(curve.value[i])},${py(v)}`).join(" "),
          fill: "none",
          stroke: colour,
          "stroke-width": name === "cost" ? 2 : 1.5,
          "stroke-dasharray": dash,
        }),
      );
    }
    if (!Number.isNaN(now))
      svg.append(
        drawn("line", {
          x1: px(now),
          x2: px(now),
          y1: pad.top,
          y2: height - pad.bottom,
          class: "now",
          stroke: "var(--clear)",
          "stroke-width": 1.5,
        }),
      );
    ["cost", "false flags", "missed"].forEach((name, i) => {
      const x = pad.left + 60 + 95 * i,
        colour = ["var(--ink)", "var(--flag)", "var(--watch)"][i],
        dash = ["", "2 3", "6 3"][i];
      svg.append(
        drawn("line", {
          x1: x,
          x2: x + 18,
          y1: height - 6,
          y2: height - 6,
          stroke: colour,
          "stroke-width": 2,
          "stroke-dasharray": dash,
        }),
        drawn("text", { x: x + 22, y: height - 2, fill: "var(--ink)" }, name),
      );
    });
    find(".costs figure").replaceChildren(svg);
  }

  function paint() {
    const data = model.get("data"),
      list = Object.values(leaves),
      [x, y] = [list[0], list.find((leaf) => leaf.metric !== list[0].metric) || list[1] || list[0]];
    const ratio = window.devicePixelRatio || 1,
      width = canvas.clientWidth || 480,
      height = canvas.clientHeight || 300;
    if (canvas.width !== width * ratio || canvas.height !== height * ratio) {
      canvas.width = width * ratio;
      canvas.height = height * ratio;
    }
    const g = canvas.getContext("2d"),
      style = getComputedStyle(root),
      ink = (name) => style.getPropertyValue(`--${name}`).trim();
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, width, height);
    const pad = { left: 46, right: 22, top: 8, bottom: 34 },
      ranges = data.ranges;
    const px = (v) => pad.left + ((v - ranges[x.key][0]) / (ranges[x.key][1] - ranges[x.key][0])) * (width - pad.left - pad.right);
    const py = (v) =>
      height - pad.bottom - ((v - ranges[y.key][0]) / (ranges[y.key][1] - ranges[y.key][0])) * (height - pad.top - pad.bottom);
    places = { x, y, px, py };
    g.strokeStyle = ink("line");
    g.fillStyle = ink("muted");
    g.font = "11px system-ui, sans-serif";
    g.lineWidth = 1;
    for (let i = 0; i <= 4; i++) {
      const vx = ranges[x.key][0] + (i / 4) * (ranges[x.key][1] - ranges[x.key][0]),
        vy = ranges[y.key][0] + (i / 4) * (ranges[y.key][1] - ranges[y.key][0]);
      g.beginPath();
      g.moveTo(px(vx), pad.top);
      g.lineTo(px(vx), height - pad.bottom);
      g.moveTo(pad.left, py(vy));
      g.lineTo(width - pad.right, py(vy));
      g.stroke();
      g.textAlign = "center";
      g.fillText(shown(vx, x.unit), px(vx), height - pad.bottom + 14);
      g.textAlign = "right";
      g.fillText(shown(vy, y.unit), pad.left - 5, py(vy) + 4);
    }
    g.textAlign = "center";
    g.fillText(x.title, pad.left + (width - pad.left - pad.right) / 2, height - 4);
    g.save();
    g.translate(11, height / 2 - 10);
    g.rotate(-Math.PI / 2);
    g.fillText(y.title, 0, 0);
    g.restore();
    const colours = VERDICTS.map(ink),
      size = verdicts.length > 300 ? 2.5 : 4;
    if (verdicts.length > 3000) {
      cloud(g, x, y, px, py, colours, ratio);
    } else
      for (let verdict = 0; verdict < 4; verdict++) {
        g.fillStyle = colours[verdict];
        for (let i = 0; i < verdicts.length; i++) {
          if (verdicts[i] !== verdict || Number.isNaN(x.value[i]) || Number.isNaN(y.value[i])) continue;
          const cx = px(x.value[i]),
            cy = py(y.value[i]);
          // shape as well as colour: a flag is a triangle, watch a diamond, too little known a square
          if (verdict === 0) g.fillRect(cx - size + 1, cy - size + 1, 2 * size - 2, 2 * size - 2);
          else if (verdict === 3) {
            g.beginPath();
            g.moveTo(cx, cy - size - 1.5);
            g.lineTo(cx + size + 1.5, cy + size);
            g.lineTo(cx - size - 1.5, cy + size);
            g.fill();
          } else {
            g.beginPath();
            if (verdict === 2) {
              g.moveTo(cx, cy - size - 1);
              g.lineTo(cx + size + 1, cy);
              g.lineTo(cx, cy + size + 1);
              g.lineTo(cx - size - 1, cy);
            } else g.arc(cx, cy, size - 0.5, 0, 7);
            g.fill();
          }
        }
      }
    g.strokeStyle = ink("flag");
    g.setLineDash([5, 4]);
    g.lineWidth = 1.5;
    g.beginPath();
    for (const at of x.thresholds) {
      g.moveTo(px(at), pad.top);
      g.lineTo(px(at), height - pad.bottom);
    }
    if (y !== x)
      for (const at of y.thresholds) {
        g.moveTo(pad.left, py(at));
        g.lineTo(width - pad.right, py(at));
      }
    g.stroke();
    g.setLineDash([]);
    root.dataset.painted = String(Number(root.dataset.painted || 0) + 1);
  }

  // thousands of points: their pixels are set by hand and put down at once, the gravest on top
  const heap = document.createElement("canvas");
  function cloud(g, x, y, px, py, colours, ratio) {
    const width = canvas.width,
      height = canvas.height,
      pixels = new Uint32Array(width * height),
      side = Math.max(2, Math.round(2.5 * ratio));
    const packed = colours.map((colour) => {
      g.fillStyle = colour;
      const rgb = parseInt(g.fillStyle.slice(1), 16);
      return (0xff000000 | ((rgb & 0xff) << 16) | (rgb & 0xff00) | (rgb >> 16)) >>> 0;
    });
    // places are straight lines in the values
    const x0 = px(0) * ratio - side / 2,
      xs = (px(1) - px(0)) * ratio,
      y0 = py(0) * ratio - side / 2,
      ys = (py(1) - py(0)) * ratio;
    for (let verdict = 0; verdict < 4; verdict++) {
      for (let i = 0; i < verdicts.length; i++) {
        if (verdicts[i] !== verdict) continue;
        const left = Math.round(x0 + xs * x.value[i]),
          top = Math.round(y0 + ys * y.value[i]);
        if (!(left >= 0 && top >= 0 && left + side <= width && top + side <= height)) continue;
        for (let row = top; row < top + side; row++) pixels.fill(packed[verdict], row * width + left, row * width + left + side);
      }
    }
    heap.width = width;
    heap.height = height;
    heap.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), width, height), 0, 0);
    g.drawImage(heap, 0, 0, width / ratio, height / ratio);
  }

  // what only the kernel can count says of when it was counted, once the sliders have moved on
  function words(result, moved_on = false) {
    const data = model.get("data"),
      now = [],
      before = new Set(data.before);
    for (let i = 0; i < verdicts.length; i++) if (verdicts[i] === 3) now.push(data.actors[i]);
    const after = new Set(now),
      enters = now.filter((name) => !before.has(name)),
      leaves_ = data.before.filter((name) => !after.has(name));
    const counts = VERDICTS.map((_, code) => verdicts.reduce((sum, v) => sum + Number(v === code), 0));
    const text = `${counts[3]} of ${verdicts.length} flagged (saved policy: ${data.before.length}); ${enters.length} enter, ${leaves_.length} leave.`;
    find(".said").textContent = text;
    find(".rule").hidden = !(data.card || []).length;
    find(".rule ul").replaceChildren(...(data.card || []).map((said) => element("li", { textContent: said })));
    canvas.setAttribute(
      "aria-label",
      `Everybody by ${[...new Set(Object.values(leaves).map((leaf) => leaf.title))].join(" and ")}. ${text}`,
    );
    find(".who").hidden = !(enters.length + leaves_.length);
    const reasons = result.reasons || {},
      affected = [...enters.map((name) => ["enters", name]), ...leaves_.map((name) => ["leaves", name])].slice(0, 200);
    find(".affected").hidden = !affected.length;
    find(".changes").replaceChildren(
      element(
        "thead",
        {},
        element("tr", {}, ...["who", "", "why"].map((name) => element("th", { textContent: name, scope: "col" }))),
      ),
      element(
        "tbody",
        {},
        ...affected.map(([what, name]) =>
          element(
            "tr",
            {},
            element("td", { textContent: name }),
            element("td", { textContent: what }),
            element("td", { textContent: Object.hasOwn(reasons, name) ? reasons[name] : moved_on && !alone ? "…" : "" }),
          ),
        ),
      ),
    );
    const cards = [
      ["flagged", counts[3]],
      ["watched", counts[2]],
      ["not flagged", counts[1]],
      ["too little known", counts[0]],
    ];
    const wrong = result.errors,
      saved = result.saved || {},
      percent = (x) => (x === null || x === undefined ? "–" : `${(100 * x).toFixed(0)} %`),
      when = moved_on && alone ? ", as exported" : "",
      stale = moved_on && !alone;
    const rate = (x, of = (v) => v.toFixed(3)) => (x === null || x === undefined ? "–" : of(x)),
      between = (low, high, of) => (low === null || low === undefined ? "" : `${rate(low, of)} to ${rate(high, of)}`);
    if (wrong) {
      cards.push(
        [
          `false flags per officer-year${when}`,
          rate(wrong.false_flags),
          rate(saved.false_flags),
          between(wrong.false_flags_lo, wrong.false_flags_hi),
        ],
        [
          `of the bad ones missed${when}`,
          percent(wrong.missed),
          percent(saved.missed),
          between(wrong.missed_lo, wrong.missed_hi, percent),
        ],
        [`new flags per officer-year${when}`, rate(wrong.flags, (v) => v.toFixed(2)), rate(saved.flags, (v) => v.toFixed(2))],
      );
    }
    if (stale) for (const card of cards.slice(4)) card.splice(1, 3, "…");
    find(".counted").textContent = wrong
      ? `Errors in ${many(result.played[1], "world")} of ${result.played[0]} days, read every ${result.played[2]} days, with 95 % limits.`
      : "";
    if (result.confusion)
      for (const [name, label] of [
        ["hit", "flagged rightly"],
        ["false_flag", "flagged wrongly"],
        ["missed", "missed"],
        ["right_not", "rightly not flagged"],
      ])
        cards.push([label + when, stale ? "…" : result.confusion[name]]);
    find(".cards").replaceChildren(
      ...cards.map(([label, value, before, limits]) => {
        const card = element(
          "div",
          { className: "card" },
          element("b", { textContent: value }),
          element("span", { textContent: label }),
        );
        if (limits) card.append(element("em", { textContent: limits }));
        if (before !== undefined) card.append(element("em", { className: "before", textContent: `(saved: ${before})` }));
        return card;
      }),
    );
  }

  // what was moved since the kernel was asked holds until it answers that as well
  function still() {
    for (const [key, value] of Object.entries(waiting)) {
      const cut = key.lastIndexOf(".");
      put(leaves[key.slice(0, cut)], key.slice(cut + 1), value);
    }
    return Object.keys(waiting).length > 0 && model.get("result").plain;
  }

  function again() {
    if (!resettle(find(".settings"), model.get("settings"), waiting)) sliders();
  }

  // nobody answers: only what is counted here is shown
  function unknown() {
    words({ ...model.get("result"), reasons: {} }, true);
    find(".cost-said").textContent = "…";
    find(".costs figure").replaceChildren();
  }

  function taken() {
    const result = model.get("result");
    again(); // the sliders first: the settings of this very result may be told after it, and the curve's mark stands where its slider does
    load();
    verdicts = still() || !result.verdicts ? verdictsOf(model.get("data"), leaves, held) : bytes(result.verdicts);
    root.dataset.answered = String(result.at || 0);
    paint();
    words(result);
    map.draw();
    if (model.get("curve").key) costs();
    if (model.get("curve").key && !stands(model.get("curve"))) wonder();
  }

  // what was asked is done or refused: the kernel's word holds again
  function answered() {
    if (pending()) return;
    for (const [key, value] of Object.entries(asked)) if (waiting[key] === value) delete waiting[key];
    asked = {};
    again();
    taken();
  }

  // names of the dots, by pointing at them
  canvas.addEventListener("pointermove", (event) => {
    const near = nearest(event.offsetX, event.offsetY);
    find(".dot").hidden = !near;
    if (near) find(".dot").textContent = near;
  });
  canvas.addEventListener("pointerleave", () => {
    find(".dot").hidden = true;
  });
  function nearest(left, top) {
    if (!places) return "";
    const { x, y, px, py } = places;
    let found = -1,
      least = 64;
    for (let i = 0; i < verdicts.length; i++) {
      if (Number.isNaN(x.value[i]) || Number.isNaN(y.value[i])) continue;
      const far = (px(x.value[i]) - left) ** 2 + (py(y.value[i]) - top) ** 2;
      if (far < least) [least, found] = [far, i];
    }
    if (found < 0) return "";
    const name = model.get("data").actors[found];
    return `${name}: ${x.title} ${exact(x.value[found], x.unit)} (n = ${x.n[found]}), ${y.title} ${exact(y.value[found], y.unit)} (n = ${y.n[found]}), ${spoken(VERDICTS[verdicts[found]])}`;
  }
  const map = heatmap(model, find, {
    ask,
    waiting: () => ({ ...waiting }),
    stands,
    set: (key, value) => {
      waiting[key] = value;
      follow(key, value);
      tell(key, value);
      const input = find(`input[data-key="${key}"]`);
      if (input) {
        input.value = String(value);
        input.dispatchEvent(new Event("input", { bubbles: true }));
      }
      map.draw();
    },
  });
  find(".legend").replaceChildren(
    ...VERDICTS.map((name) => {
      const span = document.createElement("span");
      span.append(
        Object.assign(document.createElement("i"), { textContent: MARKS[name], style: `color: var(--${name})` }),
        spoken(name),
      );
      return span;
    }).reverse(),
  );
  find(".reset").addEventListener("click", () => {
    if (!alone) {
      waiting = {};
      clearTimeout(timer);
      ask({ reset: true });
      return;
    }
    resettle(find(".settings"), model.get("settings"), {});
    taken();
    wonder();
  });
  if (alone) {
    for (const part of root.querySelectorAll(".kernel")) part.hidden = true;
    find(".reset").textContent = "Back to how it was exported";
    find(".fixed").textContent = model.get("result").plain
      ? "Window, confidence and readings stand as they were exported."
      : "This policy looks at more than one reading, or at others: it can be moved only in a notebook.";
  }
  find(".weight").addEventListener("input", costs);
  find(".save").addEventListener("click", () => ask({ author: find(".author").value }));
  model.on("change:curve", costs);
  model.on("change:exported", () => {
    const { yaml, name } = model.get("exported");
    find(".yaml").hidden = find(".download").hidden = !yaml;
    find(".yaml").textContent = yaml || "";
    if (find(".download").href) URL.revokeObjectURL(find(".download").href);
    Object.assign(find(".download"), {
      download: name || "",
      href: URL.createObjectURL(new Blob([yaml || ""], { type: "text/yaml" })),
    });
  });
  sliders();
  taken();
  wonder();
  model.on("change:result", taken);
  model.on("change:answered", answered);
  model.on("change:settings", again);
  model.on("change:failed", again);
  return () => {
    clearTimeout(timer);
    clearTimeout(curving);
    leave();
  };
}

export default { render };
