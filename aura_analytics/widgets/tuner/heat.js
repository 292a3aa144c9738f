// Two thresholds at once, as a map whose colour is how often the rule is wrong; and settings that were kept, side by side.

const HEAT_STYLE = `
.aura-tuner .heat { margin-top: 10px; } .aura-tuner .heat .axes { display: flex; flex-wrap: wrap; gap: 8px; align-items: end; }
.aura-tuner .heat .axes label { display: flex; flex-direction: column; color: var(--muted); font-size: 12px; } .aura-tuner .heat svg { width: 100%; max-width: 620px; height: auto; display: block; font-size: 11px; }
.aura-tuner .heat rect.cell { cursor: pointer; } .aura-tuner .views { margin-top: 10px; overflow: auto; } .aura-tuner .keep { display: flex; gap: 8px; align-items: end; margin: 8px 0; }
`;
const MEASURES = { false_per_100: "flagged wrongly, of 100", missed_per_100: "missed, of 100", flagged: "flagged" };

/**
 * @param {any} model
 * @param {(selector: string) => any} find
 * @param {{ ask: (message: any) => void, set: (key: string, value: number) => void, waiting: () => any, stands: (map: any) => boolean }} does
 */
function heatmap(model, find, { ask, set, waiting, stands }) {
  const alone = model.get("alone");

  function choices() {
    const all = model.get("settings").filter((one) => one.unit && !one.choices.length),
      pairs = alone ? Object.keys(model.get("heats") || {}) : null;
    find(".heat").hidden = all.length < 2 || (alone && !pairs.length);
    if (find(".heat").hidden) return;
    const fill = (selector, at) => {
      const select = find(selector),
        kept = select.value;
      select.replaceChildren(...all.map((one) => new Option(one.label, one.key)));
      select.value = all.some((one) => one.key === kept) ? kept : all[Math.min(at, all.length - 1)].key;
    };
    fill(".heat-x", 0);
    fill(".heat-y", 1);
    if (alone) {
      const [x, y] = pairs[0].split(" ");
      find(".heat-x").value = x;
      find(".heat-y").value = y;
    }
  }

  const pair = () => [find(".heat-x").value, find(".heat-y").value];

  function wonder() {
    const [x, y] = pair();
    if (x === y) {
      draw();
      return;
    }
    if (alone) model.set("heat", model.get("heats")[`${x} ${y}`] || {});
    else ask({ heat: [x, y], values: waiting() });
  }

  function draw() {
    const said = model.get("heat"),
      box = find(".heat figure"),
      [x, y] = pair();
    const other = !said.x || said.x.key !== x || said.y.key !== y;
    if (other || !stands(said)) {
      box.replaceChildren();
      find(".heat-said").textContent =
        x === y
          ? "Choose two different thresholds."
          : alone
            ? "This page does not hold that map; the notebook draws it."
            : said.x
              ? "The map is of other settings: draw it again."
              : "";
      return;
    }
    const known = said.false_per_100.some((v) => v !== null),
      measure = known ? find(".heat-of").value : "flagged",
      values = said[measure],
      most = Math.max(...values.filter((v) => v !== null), 0),
      top = most || 1,
      columns = said.x.values.length,
      rows = said.y.values.length,
      width = 620,
      height = 360,
      pad = { left: 60, right: 12, top: 8, bottom: 40 },
      w = (width - pad.left - pad.right) / columns,
      h = (height - pad.top - pad.bottom) / rows;
    find(".heat-of").parentElement.hidden = !known;
    const best = values.reduce((m, v) => (v !== null && v < m ? v : m), Infinity);
    const text = `${said.x.label} from ${exact(said.x.values[0], said.x.unit)} to ${exact(said.x.values[columns - 1], said.x.unit)}, ${said.y.label} from ${exact(said.y.values[0], said.y.unit)} to ${exact(said.y.values[rows - 1], said.y.unit)}: ${MEASURES[measure]} from ${round(best)} to ${round(most)}.`;
    find(".heat-said").textContent =
      `${text} Darker is more. A click sets both thresholds.${alone ? " The other thresholds are as they were exported." : ""}`;
    const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": text });
    for (let i = 0; i < columns; i++)
      for (let k = 0; k < rows; k++) {
        const v = values[i * rows + k],
          cell = drawn("rect", {
            class: "cell",
            x: pad.left + i * w,
            y: height - pad.bottom - (k + 1) * h,
            width: w + 0.3,
            height: h + 0.3,
            fill: v === null ? "var(--ground)" : `color-mix(in srgb, var(--flag) ${Math.round((100 * v) / top)}%, var(--ground))`,
          });
        const parts = Object.entries(MEASURES).filter(([name]) => said[name][i * rows + k] !== null);
        cell.append(
          drawn(
            "title",
            {},
            `${exact(said.x.values[i], said.x.unit)} and ${exact(said.y.values[k], said.y.unit)}: ${parts.map(([name, words]) => `${round(said[name][i * rows + k])} ${words}`).join(", ")}`,
          ),
        );
        cell.addEventListener("click", () => {
          set(said.x.key, said.x.values[i]);
          set(said.y.key, said.y.values[k]);
        });
        svg.append(cell);
      }
    const now = Object.fromEntries(model.get("settings").map((one) => [one.key, waiting()[one.key] ?? one.value])),
      place = (axis, size, v) =>
        ((v - axis.values[0]) / (axis.values[axis.values.length - 1] - axis.values[0])) * (axis.values.length - 1) * size +
        size / 2;
    svg.append(
      drawn("circle", {
        cx: pad.left + place(said.x, w, now[said.x.key]),
        cy: height - pad.bottom - place(said.y, h, now[said.y.key]),
        r: 5,
        fill: "none",
        stroke: "var(--ink)",
        "stroke-width": 2,
      }),
    );
    for (const i of [0, Math.floor(columns / 2), columns - 1])
      svg.append(
        drawn(
          "text",
          { x: pad.left + (i + 0.5) * w, y: height - pad.bottom + 14, "text-anchor": "middle", fill: "var(--muted)" },
          shown(said.x.values[i], said.x.unit),
        ),
      );
    for (const k of [0, Math.floor(rows / 2), rows - 1])
      svg.append(
        drawn(
          "text",
          { x: pad.left - 5, y: height - pad.bottom - (k + 0.5) * h + 4, "text-anchor": "end", fill: "var(--muted)" },
          shown(said.y.values[k], said.y.unit),
        ),
      );
    svg.append(
      drawn(
        "text",
        { x: pad.left + (columns * w) / 2, y: height - 6, "text-anchor": "middle", fill: "var(--muted)" },
        said.x.label,
      ),
    );
    const side = drawn(
      "text",
      {
        x: 0,
        y: 0,
        "text-anchor": "middle",
        fill: "var(--muted)",
        transform: `translate(12 ${pad.top + (rows * h) / 2}) rotate(-90)`,
      },
      said.y.label,
    );
    svg.append(side);
    box.replaceChildren(svg);
  }

  const round = (v) =>
    v === null || !Number.isFinite(v) ? "–" : v >= 10 || Number.isInteger(v) ? Math.round(v).toLocaleString("en") : v.toFixed(1);

  function views() {
    const said = model.get("views") || [],
      box = find(".views");
    box.hidden = !said.length;
    if (!said.length) return;
    const head = ["", "set otherwise", "flagged", "flagged wrongly, of 100", "missed, of 100", ""];
    box.replaceChildren(
      element("h3", { textContent: "Kept, side by side" }),
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, ...head.map((name) => element("th", { textContent: name, scope: "col" })))),
        element(
          "tbody",
          {},
          ...said.map((one, i) => {
            const back = element("button", { type: "button", textContent: "Set it again", hidden: alone });
            back.addEventListener("click", () => ask({ view: i }));
            return element(
              "tr",
              {},
              element("th", { textContent: one.name, scope: "row" }),
              element("td", { textContent: one.moved.join("; ") || "nothing" }),
              element("td", { className: "number", textContent: round(one.flagged) }),
              element("td", { className: "number", textContent: round(one.false_per_100) }),
              element("td", { className: "number", textContent: round(one.missed_per_100) }),
              element("td", {}, back),
            );
          }),
        ),
      ),
    );
  }

  for (const selector of [".heat-x", ".heat-y"]) find(selector).addEventListener("change", alone ? wonder : draw);
  find(".heat-of").addEventListener("change", draw);
  find(".draw-heat").addEventListener("click", wonder);
  find(".keep-view").addEventListener("click", () => {
    ask({ keep: find(".view-name").value, values: waiting() });
    find(".view-name").value = "";
  });
  model.on("change:heat", draw);
  model.on("change:views", views);
  choices();
  if (alone) wonder();
  draw();
  views();
  return { draw, choices };
}
