// The explorer's front end: a list of everybody, one dossier, what is behind its numbers, and the plan that follows from it.
// Without a kernel (an exported page) it shows what it was given.

const STYLE = `
.aura-explorer .columns { display: grid; grid-template-columns: minmax(190px, 1fr) minmax(0, 3.2fr); gap: 18px; }
@media (max-width: 640px) { .aura-explorer .columns { grid-template-columns: minmax(0, 1fr); } .aura-explorer .people ul { max-height: 160px; } }
.aura-explorer .people input, .aura-explorer .people select { width: 100%; margin-bottom: 6px; }
.aura-explorer .people ul { list-style: none; margin: 0; padding: 0; max-height: 560px; overflow: auto; border: 1px solid var(--line); border-radius: 4px; }
.aura-explorer .people li { padding: 4px 8px; cursor: pointer; overflow-wrap: anywhere; border-left: 3px solid transparent; }
.aura-explorer .people li span { color: var(--muted); }
.aura-explorer .people li[aria-selected=true] { border-left-color: var(--clear); background: color-mix(in srgb, var(--clear) 12%, var(--ground)); }
.aura-explorer .name { overflow-wrap: anywhere; font-size: 17px; }
.aura-explorer .banner { border: 1px solid var(--alarm); border-left-width: 5px; background: var(--alarm-ground); border-radius: 4px; padding: 8px 12px; margin: 8px 0; }
.aura-explorer .banner.watch { border-color: var(--watch); background: transparent; }
.aura-explorer .banner b { color: var(--alarm); } .aura-explorer .banner.watch b { color: var(--watch); }
.aura-explorer ul.plain { margin: 2px 0 6px; padding-left: 18px; }
.aura-explorer .ask { display: flex; flex-wrap: wrap; gap: 8px; align-items: end; }
.aura-explorer .ask button { border-color: var(--alarm); font-weight: 600; }
.aura-explorer .ask label { display: flex; flex-direction: column; color: var(--muted); } .aura-explorer .ask label input { color: var(--ink); }
.aura-explorer .cards { grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); }
.aura-explorer .card[aria-pressed=true] { border-color: var(--clear); box-shadow: inset 0 0 0 1px var(--clear); }
.aura-explorer figure { margin: 8px 0; } .aura-explorer figcaption { color: var(--muted); } .aura-explorer svg { width: 100%; height: auto; display: block; font-size: 11px; }
.aura-explorer .reliance > table { border-collapse: separate; border-spacing: 3px; } .aura-explorer .reliance > table td { min-width: 132px; padding: 6px 8px; text-align: center; border-radius: 4px; border: 1px solid var(--line); }
.aura-explorer .reliance > table td b { display: block; font-size: 17px; } .aura-explorer .reliance > table th { font-weight: normal; color: var(--muted); text-align: left; padding: 2px 6px; }
.aura-explorer .reliance p { margin: 4px 0; } .aura-explorer .audits .scroll { max-height: 220px; } .aura-explorer .draw { display: flex; gap: 8px; align-items: end; }
.aura-explorer .draw label { display: flex; flex-direction: column; color: var(--muted); } .aura-explorer .draw input { width: 80px; }
.aura-explorer .draft { border: 1px solid var(--line); border-radius: 4px; padding: 4px 12px 8px; margin: 8px 0; }
`;

const MOST = 200;
const spoken = (name) => name.replace("_", " ");
const day = (ms) => new Date(ms).toISOString().slice(0, 10);

function render({ model, el }) {
  const { root, find, ask, leave } = frame(
    { model, el },
    "explorer",
    "Dossier explorer",
    STYLE,
    `<div class="columns">
    <div><div class="people"><input type="search" placeholder="Search" aria-label="Search by name"><select class="verdict" aria-label="Of which verdict"></select>
      <select class="kind" aria-label="Of which kind"></select><ul role="listbox" tabindex="0" aria-label="Everybody"></ul><p class="more said"></p></div><details class="rule" hidden><summary>How often this rule is wrong</summary></details></div>
    <div class="dossier"><h3 class="name" tabindex="-1"></h3><p class="said verdict-said"></p><div class="banner" role="region" aria-label="What is recommended" hidden></div><div class="draft" role="region" aria-label="Improvement plan" hidden></div>
      <div class="reliance" role="region" aria-label="Right and wrong recommendations" hidden></div>
      <ul class="plain warnings"></ul><div class="cards"></div><figure></figure><h4 class="behind-title"></h4><div class="scroll" tabindex="0" role="region" aria-label="Cases behind the number"><table></table></div></div></div>`,
    {
      pressed: (event) => {
        if (event.composedPath().includes(find(".people ul"))) step(event);
      },
    },
  );
  const alone = model.get("alone"),
    id = `aura-${Math.random().toString(36).slice(2)}`;
  let metric = null,
    picking = null,
    listed = [],
    typed = null,
    plan_link = null,
    audits_link = null;

  function choices() {
    const people = model.get("people"),
      kinds = [...new Set(people.kinds)].sort();
    const fill = (select, all, values) => {
      const kept = select.value;
      select.replaceChildren(new Option(all, ""), ...values.map((value) => new Option(spoken(value), value)));
      select.value = values.includes(kept) ? kept : "";
    };
    fill(
      find("select.verdict"),
      "all verdicts",
      ["flag", "watch", "insufficient", "clear", "not_judged"].filter((one) => people.verdicts.includes(one)),
    );
    fill(find("select.kind"), "officers and agents", kinds);
  }

  function list() {
    const people = model.get("people"),
      text = find("input[type=search]").value.toLowerCase(),
      verdict = find("select.verdict").value,
      kind = find("select.kind").value;
    listed = people.actors
      .map((_, i) => i)
      .filter(
        (i) =>
          people.actors[i].toLowerCase().includes(text) &&
          (!verdict || people.verdicts[i] === verdict) &&
          (!kind || people.kinds[i] === kind),
      );
    const box = find(".people ul"),
      open = model.get("detail").actor,
      top = box.scrollTop;
    box.replaceChildren(
      ...listed.slice(0, MOST).map((i) => {
        const item = element("li", { id: `${id}-${i}` });
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", String(people.actors[i] === open));
        item.dataset.actor = people.actors[i];
        const mark = element("span", {
          textContent: `${MARKS[people.verdicts[i]]} `,
          style: `color: var(--${people.verdicts[i]})`,
        });
        item.append(mark, people.actors[i], element("span", { textContent: ` ${people.kinds[i]}, ${spoken(people.verdicts[i])}` }));
        item.addEventListener("click", () => pick(people.actors[i]));
        return item;
      }),
    );
    box.scrollTop = top;
    const chosen = box.querySelector("[aria-selected=true]");
    if (chosen) box.setAttribute("aria-activedescendant", chosen.id);
    else box.removeAttribute("aria-activedescendant");
    const more = listed.length - MOST,
      lacking = people.total - people.actors.length;
    find(".more").textContent =
      (listed.length ? (more > 0 ? `and ${more.toLocaleString("en")} more: search by name.` : "") : "Nobody is called that.") +
      (lacking > 0
        ? ` This page holds ${people.actors.length} of ${people.total.toLocaleString("en")}, the gravest verdicts first.`
        : "");
  }

  function pick(actor, soon = false) {
    clearTimeout(picking);
    for (const item of root.querySelectorAll(".people li"))
      item.setAttribute("aria-selected", String(item.dataset.actor === actor));
    const go = () => {
      if (alone) {
        model.set("behind", {});
        model.set("plan", {});
        model.set("detail", model.get("pages")[actor]);
      } else ask({ pick: actor, metric });
    };
    if (soon) picking = setTimeout(go, 120);
    else go();
  }

  function step(event) {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!move && event.key !== "Home" && event.key !== "End") return;
    event.preventDefault();
    const items = [...root.querySelectorAll(".people li")],
      at = items.findIndex((item) => item.getAttribute("aria-selected") === "true");
    const next =
      event.key === "Home" ? 0 : event.key === "End" ? items.length - 1 : Math.max(0, Math.min(items.length - 1, at + move));
    if (!items[next]) return;
    pick(items[next].dataset.actor, true);
    items[next].scrollIntoView({ block: "nearest" });
    find(".people ul").setAttribute("aria-activedescendant", items[next].id);
  }

  // what is typed stays when the evidence beside it changes
  function banner(detail) {
    const box = find(".banner"),
      said = detail.banner,
      same = box.dataset.actor === detail.actor;
    box.hidden = !said;
    if (!said) {
      box.dataset.actor = "";
      return;
    }
    box.dataset.actor = detail.actor;
    box.className = `banner ${said.verdict}`;
    const head =
      said.verdict === "flag"
        ? `An improvement plan is recommended, by ${said.policy}`
        : `Watch: it looks so, but not beyond doubt, by ${said.policy}`;
    const lines = (texts) => element("ul", { className: "plain" }, ...texts.map((text) => element("li", { textContent: text })));
    const evidence = element(
      "div",
      { className: "evidence" },
      element("b", { textContent: `${MARKS[said.verdict]} ${head}` }),
      lines(said.reasons),
      element("span", { textContent: "What would clear it:" }),
      lines(said.would_clear),
    );
    if (same && find(".banner .evidence")) find(".banner .evidence").replaceWith(evidence);
    else box.replaceChildren(evidence);
    if (alone) return;
    if (!find(".banner .ask")) {
      const name = element("input", {
          className: "author",
          type: "text",
          value: typed ?? model.get("author"),
          autocomplete: "name",
        }),
        days = element("input", { className: "days", type: "number", min: 1, max: 730, value: 60 });
      name.addEventListener("input", () => {
        typed = name.value;
      });
      const start = element("button", { className: "start", type: "button", textContent: "Start Improvement Plan" });
      start.addEventListener("click", () => ask({ plan: model.get("detail").actor, by: name.value, days: Number(days.value) }));
      box.append(
        element(
          "div",
          { className: "ask" },
          start,
          element("label", {}, "Asked for by", name),
          element("label", {}, "Days", days),
          element("span", { className: "way" }),
        ),
      );
    }
    find(".banner .start").disabled = Boolean(said.under_way);
    find(".banner .way").textContent = said.under_way || "";
  }

  function draft() {
    const box = find(".draft"),
      said = model.get("plan"),
      mine = said.plan && said.plan.actor === model.get("detail").actor;
    box.hidden = !mine;
    if (!mine) return;
    const plan = said.plan,
      lines = (texts) => element("ul", { className: "plain" }, ...texts.map((text) => element("li", { textContent: text })));
    box.replaceChildren(
      element("h4", { textContent: `Improvement plan for ${plan.actor}, ${plan.starts} to ${plan.ends}` }),
      element("p", { className: "recorded", textContent: said.said }),
      element("span", { textContent: "Goals" }),
      lines(plan.goals.map((goal) => `${goal.title}: ${goal.aim} (now ${goal.shown})`)),
      element("span", { textContent: "What will be done" }),
      lines(plan.measures),
      element("span", { textContent: "It ends before its time when" }),
      lines(plan.exit_criterion),
    );
    if (plan_link) URL.revokeObjectURL(plan_link);
    plan_link = URL.createObjectURL(new Blob([said.html], { type: "text/html" }));
    box.append(element("a", { textContent: "Save the plan as a page", download: "plan.html", href: plan_link }));
  }

  // how deep a field is says how much of what was judged is in it; what should not be has the colour of a flag
  function reliance(detail) {
    const box = find(".reliance"),
      said = detail.reliance;
    box.hidden = !said;
    if (!said) return;
    const field = (name, called, good) => {
      const cell = element("td", {}, element("b", { textContent: said[name].toLocaleString("en") }), called);
      const share = Math.round(8 + (52 * said[name]) / Math.max(said.judged, 1));
      cell.style.background = `color-mix(in srgb, var(--${good ? "clear" : "flag"}) ${share}%, var(--ground))`;
      return cell;
    };
    const line = (head, ...cells) => element("tr", {}, element("th", { textContent: head, scope: "row" }), ...cells);
    const unjudged = (kind) => said[kind] - said[`${kind}_right`] - said[`${kind}_wrong`];
    const heads = ["", "recommendation right", "recommendation wrong"].map((text) =>
      element("th", { textContent: text, scope: "col" }),
    );
    box.replaceChildren(
      element("h4", { textContent: "Accepted or overridden, right or wrong" }),
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, ...heads)),
        element(
          "tbody",
          {},
          line(
            `accepted (${unjudged("accepted").toLocaleString("en")} not judged)`,
            field("accepted_right", "rightly accepted", true),
            field("accepted_wrong", "accepted although wrong", false),
          ),
          line(
            `overridden (${unjudged("overridden").toLocaleString("en")} not judged)`,
            field("overridden_right", "overridden although right", false),
            field("overridden_wrong", "rightly overridden", true),
          ),
        ),
      ),
      element("p", { textContent: said.says }),
    );
    if (said.accepted_wrong && detail.cards.some((card) => card.metric === "accepted_wrong_rate")) {
      const show = element("button", {
        className: "show-wrong",
        type: "button",
        textContent: "Show what was accepted although wrong",
      });
      show.addEventListener("click", () => {
        metric = "accepted_wrong_rate";
        cards(detail);
        series(detail);
        wanted();
        find(".behind-title").scrollIntoView({ block: "nearest" });
      });
      box.append(show);
    }
    if (said.can_draw && !alone) {
      const many = element("input", { className: "many", type: "number", min: 1, max: 100000, value: 30 }),
        draw = element("button", { className: "draw-audits", type: "button", textContent: "Draw audits" });
      draw.addEventListener("click", () => ask({ audits: model.get("detail").actor, n: Number(many.value) }));
      box.append(element("div", { className: "draw" }, draw, element("label", {}, "Cases", many)));
    }
    box.append(element("div", { className: "audits" }));
    audits();
  }

  function audits() {
    const box = find(".audits"),
      said = model.get("audits");
    if (!box) return;
    if (audits_link) URL.revokeObjectURL(audits_link);
    audits_link = null;
    if (said.actor !== model.get("detail").actor) {
      box.replaceChildren();
      return;
    }
    audits_link = URL.createObjectURL(new Blob([said.csv], { type: "text/csv" }));
    const row = (kind, texts) => element("tr", {}, ...texts.map((text) => element(kind, { textContent: text })));
    const table = element(
      "table",
      {},
      element("thead", {}, row("th", ["case", "queue", "recommendation", "audit_chance"])),
      element("tbody", {}, ...said.rows.map((texts) => row("td", texts))),
    );
    box.replaceChildren(
      element("p", { className: "said", textContent: said.said }),
      element("a", { textContent: "Save them as a file", download: "audits.csv", href: audits_link }),
      element("div", { className: "scroll" }, table),
    );
  }

  function rule() {
    const box = find(".rule"),
      said = model.get("card");
    box.hidden = !said.length;
    box.replaceChildren(
      element("summary", { textContent: "How often this rule is wrong" }),
      element("ul", { className: "plain" }, ...said.map((text) => element("li", { textContent: text }))),
    );
  }

  function cards(detail) {
    if (!detail.cards.some((card) => card.metric === metric)) metric = detail.cards.length ? detail.cards[0].metric : null;
    const held = focused(root) ? focused(root).dataset.metric : null;
    find(".cards").replaceChildren(
      ...detail.cards.map((card) => {
        const made = element(
          "button",
          { className: "card", type: "button" },
          element("b", { textContent: `${card.value} ${card.unit}` }),
          element("span", { textContent: card.title }),
          element("em", { textContent: [card.interval, card.n === null ? null : `n = ${card.n}`].filter(Boolean).join(", ") }),
        );
        made.dataset.metric = card.metric;
        made.setAttribute("aria-pressed", String(card.metric === metric));
        made.addEventListener("click", () => {
          metric = card.metric;
          cards(detail);
          series(detail);
          wanted();
        });
        return made;
      }),
    );
    if (held) {
      const again = find(`.card[data-metric="${held}"]`);
      if (again) again.focus();
    }
  }

  function series(detail) {
    const box = find("figure"),
      card = detail.cards.find((one) => one.metric === metric),
      line = detail.series[metric];
    if (!card || !line || line.at.length < 2) {
      box.replaceChildren(
        ...(card ? [element("figcaption", { textContent: `${card.title}: no rolling series of this number.` })] : []),
      );
      return;
    }
    const width = 660,
      height = 190,
      pad = { left: 46, right: 16, top: 10, bottom: 22 },
      share = line.unit === "fraction",
      limits = detail.thresholds[metric] || [];
    const known = [...line.value, ...(line.lo || []), ...(line.hi || []), ...limits].filter((v) => v !== null);
    const low = line.unit === "stars" ? 1 : 0,
      high = share ? 1 : line.unit === "stars" ? 5 : line.unit === "score" ? 100 : marks(Math.max(...known)).pop(),
      first = line.at[0],
      last = line.at[line.at.length - 1];
    const px = (v) => pad.left + ((v - first) / (last - first)) * (width - pad.left - pad.right),
      py = (v) => height - pad.bottom - ((v - low) / (high - low)) * (height - pad.top - pad.bottom);
    const text = `${card.title} over a rolling ${detail.rolling}: ${shown(line.value[0], line.unit)} on ${day(first)}, ${shown(line.value[line.value.length - 1], line.unit)} on ${day(last)}${limits.length ? `; the policy's threshold${limits.length > 1 ? "s are" : " is"} ${limits.map((one) => shown(one, line.unit)).join(" and ")}` : ""}.`;
    const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": text });
    for (let i = 0; i <= 4; i++) {
      const y = low + (i / 4) * (high - low),
        x = first + (i / 4) * (last - first);
      svg.append(
        drawn("line", { x1: pad.left, x2: width - pad.right, y1: py(y), y2: py(y), stroke: "var(--line)", "stroke-width": 0.6 }),
        drawn("text", { x: pad.left - 5, y: py(y) + 4, "text-anchor": "end", fill: "var(--muted)" }, shown(y, line.unit)),
        drawn(
          "text",
          { x: px(x), y: height - 6, "text-anchor": i === 0 ? "start" : i === 4 ? "end" : "middle", fill: "var(--muted)" },
          day(x),
        ),
      );
    }
    // where nothing was observed for a while there is a gap, no line across it
    const apart = line.at.slice(1).map((at, i) => at - line.at[i]),
      usual = Math.min(...apart),
      pieces = [[0]];
    apart.forEach((gap, i) => {
      if (gap > 1.5 * usual) pieces.push([]);
      pieces[pieces.length - 1].push(i + 1);
    });
    for (const piece of pieces) {
      const at = (values) => piece.map((i) => `${px(line.at[i])},${py(values[i])}`);
      if (line.lo)
        svg.append(
          drawn("polygon", { points: [...at(line.hi), ...at(line.lo).reverse()].join(" "), fill: "var(--clear)", opacity: 0.18 }),
        );
      svg.append(
        piece.length > 1
          ? drawn("polyline", { points: at(line.value).join(" "), fill: "none", stroke: "var(--clear)", "stroke-width": 2 })
          : drawn("circle", { cx: px(line.at[piece[0]]), cy: py(line.value[piece[0]]), r: 2, fill: "var(--clear)" }),
      );
    }
    for (const limit of limits)
      svg.append(
        drawn("line", {
          x1: pad.left,
          x2: width - pad.right,
          y1: py(limit),
          y2: py(limit),
          stroke: "var(--flag)",
          "stroke-width": 1.5,
          "stroke-dasharray": "5 4",
        }),
      );
    box.replaceChildren(svg, element("figcaption", { textContent: text }));
  }

  // what is behind the number that is pressed
  function wanted() {
    const detail = model.get("detail");
    if (metric === null) {
      behind();
      return;
    }
    if (alone) model.set("behind", { actor: detail.actor, metric, ...detail.behind[metric] });
    else if (model.get("behind").metric !== metric || model.get("behind").actor !== detail.actor) ask({ behind: metric });
    else behind();
  }

  // another view of this widget may have pressed another number: all show the same
  function behind() {
    const said = model.get("behind"),
      detail = model.get("detail");
    if (
      said.actor === detail.actor &&
      said.metric &&
      said.metric !== metric &&
      detail.cards.some((one) => one.metric === said.metric)
    ) {
      metric = said.metric;
      cards(detail);
      series(detail);
    }
    const card = detail.cards.find((one) => one.metric === metric),
      table = root.querySelector(".scroll table");
    if (!card || said.metric !== metric || said.actor !== detail.actor) {
      table.replaceChildren();
      find(".behind-title").textContent = "";
      return;
    }
    find(".behind-title").textContent =
      `Behind ${card.title}: ${said.total.toLocaleString("en")} observations${said.rows.length < said.total ? `, the last ${said.rows.length}` : ""}`;
    table.replaceChildren(
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          ...said.columns.map((name, i) => {
            const cell = element("th", { textContent: name, scope: "col" });
            if (said.numbers.includes(i)) cell.className = "number";
            return cell;
          }),
        ),
      ),
      element(
        "tbody",
        {},
        ...said.rows.map((row) =>
          element(
            "tr",
            {},
            ...row.map((text, i) => element("td", { textContent: text, className: said.numbers.includes(i) ? "number" : "" })),
          ),
        ),
      ),
    );
    root.dataset.behind = metric;
  }

  function open() {
    const detail = model.get("detail");
    if (!detail.actor) {
      find(".name").textContent = "Nobody in the log yet";
      return;
    }
    if (model.get("behind").actor === detail.actor && model.get("behind").metric) metric = model.get("behind").metric;
    find(".name").textContent = detail.actor;
    find(".verdict-said").textContent =
      `${detail.kind}; ${MARKS[detail.verdict]} ${detail.verdict_words}${detail.banner ? "" : detail.reasons.length ? `: ${detail.reasons.join("; ")}` : ""}${detail.standing ? `. ${detail.standing}` : ""}`;
    find(".warnings").replaceChildren(...detail.warnings.map((text) => element("li", { textContent: text })));
    banner(detail);
    draft();
    reliance(detail);
    cards(detail);
    series(detail);
    list();
    wanted();
    root.dataset.actor = detail.actor;
    root.dataset.opened = String(Number(root.dataset.opened || 0) + 1);
  }

  const told = () => {
    find(".said").textContent = model.get("said");
  };
  find("input[type=search]").addEventListener("input", list);
  find("select.verdict").addEventListener("change", list);
  find("select.kind").addEventListener("change", list);
  model.on("change:people", () => {
    choices();
    list();
  });
  model.on("change:detail", open);
  model.on("change:behind", behind);
  model.on("change:plan", draft);
  model.on("change:audits", audits);
  model.on("change:card", rule);
  model.on("change:said", told);
  told();
  rule();
  choices();
  list();
  open();
  // the ledger is followed as long as somebody looks
  const beat = model.get("live")
    ? setInterval(() => {
        model.set("here", Date.now());
        model.save_changes();
      }, 15000)
    : null;
  if (beat) {
    model.set("here", Date.now());
    model.save_changes();
  }
  return () => {
    clearInterval(beat);
    clearTimeout(picking);
    if (plan_link) URL.revokeObjectURL(plan_link);
    if (audits_link) URL.revokeObjectURL(audits_link);
    leave();
  };
}

export default { render };
