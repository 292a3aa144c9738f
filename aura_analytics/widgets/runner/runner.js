// The runner's front end: a world, its main fields, a progress bar that can be stopped, and what two rules do in it.

const STYLE = `
.aura-runner .columns { display: grid; grid-template-columns: minmax(240px, 1fr) minmax(0, 1.8fr); gap: 18px; }
@container (max-width: 600px) { .aura-runner .columns { grid-template-columns: minmax(0, 1fr); } }
.aura-runner .settings { max-height: 560px; overflow: auto; padding-right: 6px; }
.aura-runner .go { display: flex; gap: 8px; align-items: center; margin: 0 0 8px; }
.aura-runner progress { flex: 1; accent-color: var(--clear); height: 14px; }
.aura-runner .start { font-weight: 600; border-color: var(--clear); }
.aura-runner figure { margin: 10px 0; } .aura-runner figcaption { color: var(--muted); } .aura-runner svg { width: 100%; height: auto; display: block; font-size: 11px; }
.aura-runner td small { display: block; color: var(--muted); }
`;

function render({ model, el }) {
  const { root, find, ask, beat, leave } = frame(
    { model, el },
    "runner",
    "Scenario runner",
    STYLE,
    `<div class="columns">
    <div><label class="set"><span>Scenario</span><select class="scenario" aria-label="Scenario"></select></label><p class="story said"></p><div class="settings"></div></div>
    <div><div class="go"><button type="button" class="start">Run</button><button type="button" class="stop" disabled>Cancel</button><progress max="1" value="0" aria-label="Progress"></progress></div>
      <p class="doing said" role="status" aria-live="polite"></p><div class="found"></div></div></div>`,
    {
      owed: (state) => {
        if (state !== "lost" || !model.get("progress").running) {
          if (state === "") progress();
          return;
        }
        find(".doing").textContent = "Not known: the kernel does not answer.";
        find("progress").removeAttribute("value");
      },
    },
  );
  let timer = null,
    beats = null,
    waiting = {};

  function world() {
    const said = model.get("world"),
      select = find(".scenario");
    select.replaceChildren(...said.scenarios.map((name) => new Option(name, name, false, name === said.scenario)));
    find(".story").textContent = said.story;
    settings(find(".settings"), model.get("settings"), {
      named: (choice) => (choice === "none" ? "nothing" : choice),
      moved: (one, value) => {
        waiting[one.key] = value;
        clearTimeout(timer);
        timer = setTimeout(() => {
          ask({ values: waiting });
          waiting = {};
        }, 120);
      },
    });
  }

  // what was refused goes back; what is being moved stays
  function refresh() {
    if (find(".scenario").value !== model.get("world").scenario || !resettle(find(".settings"), model.get("settings"), waiting))
      world();
  }

  function progress() {
    const said = model.get("progress");
    find("progress").value = said.share || 0;
    find(".doing").textContent = said.words || "";
    const [start, stop] = [find(".start"), find(".stop")],
      held = focused(root);
    start.disabled = Boolean(said.running);
    stop.disabled = !said.running;
    // a button that is switched off loses the focus: the other one gets it
    if (held === start && said.running) stop.focus();
    if (held === stop && !said.running) start.focus();
    root.dataset.running = String(Boolean(said.running));
    // while it runs, whether anybody is there is asked again and again
    if (said.running && !beats) beats = setInterval(beat, 5000);
    if (!said.running) {
      clearInterval(beats);
      beats = null;
    }
  }

  const table = (head, rows) =>
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, ...head.map((name) => element("th", { textContent: name, scope: "col" })))),
      element(
        "tbody",
        {},
        ...rows.map((row) =>
          element(
            "tr",
            {},
            ...row.map((cell) =>
              Array.isArray(cell)
                ? element("td", {}, cell[0], element("small", { textContent: cell[1] }))
                : element("td", { textContent: cell }),
            ),
          ),
        ),
      ),
    );

  function curves(said) {
    const width = 560,
      height = 200,
      pad = { left: 44, right: 12, top: 10, bottom: 42 },
      colours = ["var(--clear)", "var(--flag)"];
    const px = (day) => pad.left + (day / said.days) * (width - pad.left - pad.right),
      py = (share) => height - pad.bottom - share * (height - pad.top - pad.bottom);
    const text = said.curves
      .map(
        (one) => `${one.policy}: ${one.share.length ? shown(one.share[one.share.length - 1], "fraction") : "0 %"} found by the end`,
      )
      .join("; ");
    const svg = drawn("svg", {
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-label": `Share of those made to underperform who are flagged, by day. ${text}`,
    });
    for (let i = 0; i <= 4; i++) {
      svg.append(
        drawn("line", {
          x1: pad.left,
          x2: width - pad.right,
          y1: py(i / 4),
          y2: py(i / 4),
          stroke: "var(--line)",
          "stroke-width": 0.6,
        }),
        drawn("text", { x: pad.left - 5, y: py(i / 4) + 4, "text-anchor": "end", fill: "var(--muted)" }, `${25 * i} %`),
        drawn(
          "text",
          {
            x: px((said.days * i) / 4),
            y: height - pad.bottom + 14,
            "text-anchor": i === 4 ? "end" : "middle",
            fill: "var(--muted)",
          },
          `day ${Math.round((said.days * i) / 4)}`,
        ),
      );
    }
    said.curves.forEach((one, k) => {
      const steps = (values) => {
        const at = [[0, 0]];
        for (const [i, day] of one.day.entries()) at.push([day, at[at.length - 1][1]], [day, values[i]]);
        at.push([said.days, at[at.length - 1][1]]);
        return at.map(([x, y]) => `${px(x)},${py(y)}`);
      };
      if (said.complete)
        svg.append(
          drawn("polygon", { points: [...steps(one.hi), ...steps(one.lo).reverse()].join(" "), fill: colours[k], opacity: 0.15 }),
        );
      svg.append(
        drawn("polyline", {
          points: steps(one.share).join(" "),
          fill: "none",
          stroke: colours[k],
          "stroke-width": 2,
          "stroke-dasharray": k ? "6 3" : "",
        }),
      );
      const x = pad.left + 200 * k;
      svg.append(
        drawn("line", {
          x1: x,
          x2: x + 20,
          y1: height - 8,
          y2: height - 8,
          stroke: colours[k],
          "stroke-width": 2,
          "stroke-dasharray": k ? "6 3" : "",
        }),
        drawn("text", { x: x + 25, y: height - 4, fill: "var(--ink)" }, one.policy),
      );
    });
    return element(
      "figure",
      {},
      svg,
      element("figcaption", {
        textContent: `Share of those made to underperform who are flagged, by day${said.complete ? ", with 95 % limits" : ""}.`,
      }),
    );
  }

  function found() {
    const said = model.get("result"),
      box = find(".found");
    if (!said.outcomes) {
      box.replaceChildren(element("p", { className: "said", textContent: "Nothing has been played yet." }));
      return;
    }
    const parts = [
      element("h4", {
        textContent: `One world of ${said.scenario}, ${said.days} days, seed ${said.seed}, with the rule in its loop`,
      }),
      table(["", ...said.policies], said.outcomes),
    ];
    if (said.rates)
      parts.push(
        element("h4", {
          textContent: `How often the rule is wrong: ${said.complete ? said.worlds : `${said.worlds} of ${said.asked}`} worlds, read every ${said.every} days`,
        }),
        table(["", ...said.policies, ...(said.paired ? ["difference"] : [])], said.rates),
      );
    if (said.curves?.length) parts.push(curves(said));
    box.replaceChildren(...parts);
    root.dataset.worlds = String(said.worlds || 0);
  }

  const told = () => {
    find(".said").textContent = model.get("said");
  };
  find(".scenario").addEventListener("change", () => ask({ scenario: find(".scenario").value }));
  find(".start").addEventListener("click", () => {
    clearTimeout(timer);
    ask({ run: true, values: waiting });
    waiting = {};
  });
  find(".stop").addEventListener("click", () => ask({ cancel: true }));
  model.on("change:settings", refresh);
  model.on("change:world", refresh);
  model.on("change:failed", refresh);
  model.on("change:progress", progress);
  model.on("change:result", found);
  model.on("change:said", told);
  told();
  world();
  progress();
  found();
  return () => {
    clearTimeout(timer);
    clearInterval(beats);
    leave();
  };
}

export default { render };
