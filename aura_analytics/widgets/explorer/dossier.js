// One dossier: what the policy says of somebody, their numbers, what is behind each, and what follows.

const day = (ms) => new Date(ms).toISOString().slice(0, 10);

/**
 * @param {any} model
 * @param {HTMLElement} root
 * @param {(selector: string) => any} find
 * @param {(message: any) => number} ask
 * @param {() => boolean} pending
 */
function dossier(model, root, find, ask, pending) {
  const alone = model.get("alone");
  let metric = null,
    typed = null,
    started = 0,
    plan_link = null,
    audits_link = null;

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
        : `A reason to look at the cases, and no finding, by ${said.policy}`;
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
    if (said.verdict === "watch") {
      find(".banner .ask")?.remove();
      if (!find(".banner .looks")) box.append(element("div", { className: "ask looks" }));
      const behind = said.metrics.find((name) => detail.cards.some((card) => card.metric === name)),
        buttons = [];
      if (behind) {
        const see = element("button", { className: "see-cases", type: "button", textContent: "Look at the cases" });
        see.addEventListener("click", () => reveal(behind));
        buttons.push(see);
      }
      if (detail.reliance?.can_draw && !alone) {
        const audit = element("button", { className: "see-audits", type: "button", textContent: "Draw audits" });
        audit.addEventListener("click", () => {
          find(".draw-audits").click();
          find(".reliance").scrollIntoView({ block: "nearest" });
        });
        buttons.push(audit);
      }
      find(".banner .looks").replaceChildren(...buttons);
      return;
    }
    find(".banner .looks")?.remove();
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
      start.addEventListener("click", () => {
        if (started > model.get("answered")) return; // pressed twice
        started = ask({ plan: model.get("detail").actor, by: name.value, days: Number(days.value) });
      });
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
      show.addEventListener("click", () => reveal("accepted_wrong_rate", true));
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
      told = model.get("line") || {},
      counted = !detail.series[metric] && told.actor === detail.actor && told.metric === metric,
      line = counted ? told : detail.series[metric];
    if (card && !line && !alone) {
      box.replaceChildren(element("figcaption", { textContent: `${card.title} over time: …` }));
      ask({ line: metric, of: detail.actor });
      return;
    }
    if (!card || !line || line.at.length < 2) {
      box.replaceChildren(
        ...(card
          ? [
              element("figcaption", {
                textContent: `${card.title}: ${alone && !line ? "this page holds no series of it" : "too few readings for a series"}.`,
              }),
            ]
          : []),
      );
      return;
    }
    const width = 660,
      height = 190,
      pad = { left: 46, right: 16, top: 10, bottom: 22 },
      share = line.unit === "fraction",
      limits = detail.thresholds[metric] || [];
    const known = [...line.value, ...(line.lo || []), ...(line.hi || []), ...limits].filter((v) => v !== null);
    const low = line.unit === "stars" ? 1 : Math.min(0, ...known),
      high = share ? 1 : line.unit === "stars" ? 5 : line.unit === "score" ? 100 : marks(Math.max(...known)).pop(),
      first = line.at[0],
      last = line.at[line.at.length - 1];
    const px = (v) => pad.left + ((v - first) / (last - first)) * (width - pad.left - pad.right),
      py = (v) => height - pad.bottom - ((v - low) / (high - low)) * (height - pad.top - pad.bottom);
    const text = `${card.title} ${counted ? `counted anew at ${line.at.length} moments` : `over a rolling ${detail.rolling}`}: ${exact(line.value[0], line.unit)} on ${day(first)}, ${exact(line.value[line.value.length - 1], line.unit)} on ${day(last)}${limits.length ? `; the policy's threshold${limits.length > 1 ? "s are" : " is"} ${limits.map((one) => exact(one, line.unit)).join(" and ")}` : ""}.`;
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

  // a number with its cases, wherever it was asked for
  function reveal(name, hits = false) {
    const detail = model.get("detail");
    metric = name;
    cards(detail);
    series(detail);
    wanted(0, hits);
    find(".behind-title").scrollIntoView({ block: "nearest" });
  }

  // what is behind the number that is pressed
  function wanted(page = 0, hits = false) {
    const detail = model.get("detail"),
      said = model.get("behind");
    if (metric === null) {
      behind();
      return;
    }
    if (alone) model.set("behind", { actor: detail.actor, metric, hits, ...(hits ? detail.wrong : detail.behind[metric]) });
    else if (said.metric !== metric || said.actor !== detail.actor || (said.page || 0) !== page || Boolean(said.hits) !== hits) {
      clear_behind("…");
      ask({ behind: metric, page, hits, of: detail.actor });
    } else behind();
  }

  function clear_behind(text) {
    find(".cases table").replaceChildren();
    find(".behind-title").textContent = text;
    find(".pages").replaceChildren();
  }

  // another view of this widget may have pressed another number: all show the same
  function behind() {
    const said = model.get("behind"),
      detail = model.get("detail");
    if (
      said.actor === detail.actor &&
      said.metric &&
      said.metric !== metric &&
      !pending() &&
      detail.cards?.some((one) => one.metric === said.metric)
    ) {
      metric = said.metric;
      cards(detail);
      series(detail);
    }
    const card = detail.cards?.find((one) => one.metric === metric),
      table = find(".cases table");
    if (!card || said.metric !== metric || said.actor !== detail.actor) {
      clear_behind("");
      return;
    }
    const first = said.first || 0,
      some = said.rows.length < said.total;
    find(".behind-title").textContent =
      `${said.hits ? `${card.title}, only these: ${many(said.total, "case")}` : `Behind ${card.title}: ${many(said.total, "observation")}`}${some ? (alone ? `, the last ${said.rows.length}` : `, ${(first + 1).toLocaleString("en")} to ${(first + said.rows.length).toLocaleString("en")}, the latest first`) : ""}`;
    const turn = (text, to) => {
      const button = element("button", { type: "button", textContent: text, disabled: to < 0 || to >= said.pages });
      button.addEventListener("click", () => wanted(to, Boolean(said.hits)));
      return button;
    };
    find(".pages").replaceChildren(
      ...(said.pages > 1
        ? [
            turn("Later ones", said.page - 1),
            element("span", { textContent: ` page ${said.page + 1} of ${said.pages} ` }),
            turn("Earlier ones", said.page + 1),
          ]
        : []),
    );
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

  // somebody else's numbers, or those of the window before, one beside the other
  function beside() {
    const said = model.get("beside"),
      detail = model.get("detail"),
      box = find(".beside");
    box.hidden = !said.cards || said.of !== detail.actor;
    if (box.hidden) {
      box.replaceChildren();
      return;
    }
    const other = Object.fromEntries(said.cards.map((card) => [card.metric, card])),
      mine = Object.fromEntries(detail.cards.map((card) => [card.metric, card])),
      all = [...new Set([...Object.keys(mine), ...Object.keys(other)])],
      cell = (card) =>
        card
          ? element(
              "td",
              {},
              `${card.value} ${card.unit} `,
              element("small", {
                textContent: [card.interval, card.n === null ? null : `n = ${card.n}`].filter(Boolean).join(", "),
              }),
            )
          : element("td", { textContent: "–" });
    const close = element("button", { type: "button", textContent: "Close" });
    close.addEventListener("click", () => {
      model.set("beside", {});
      if (!alone) model.save_changes();
      beside();
    });
    const same = said.actor === detail.actor;
    box.replaceChildren(
      element("h4", { textContent: same ? "Beside the window before" : `Beside ${said.actor}` }),
      element(
        "table",
        {},
        element(
          "thead",
          {},
          element(
            "tr",
            {},
            ...["", same ? "now" : detail.actor, same ? said.when : said.actor].map((text) =>
              element("th", { textContent: text, scope: "col" }),
            ),
          ),
        ),
        element(
          "tbody",
          {},
          ...all.map((name) =>
            element(
              "tr",
              {},
              element("th", { textContent: (mine[name] || other[name]).title, scope: "row" }),
              cell(mine[name]),
              cell(other[name]),
            ),
          ),
        ),
      ),
      element("p", {
        className: "said",
        textContent: "Intervals are at 95 %, each by itself: where two overlap, the numbers may well be the same.",
      }),
      close,
    );
  }

  // what is no longer true is taken away at once; what comes says whose it is
  function blank(actor, words) {
    find(".name").textContent = actor;
    find(".verdict-said").textContent = words;
    for (const part of [".banner", ".draft", ".reliance", ".beside"]) find(part).hidden = true;
    for (const part of [".warnings", ".cards", "figure", ".beside"]) find(part).replaceChildren();
    find(".banner").dataset.actor = "";
    clear_behind("");
    root.dataset.actor = "";
  }

  function open() {
    const detail = model.get("detail");
    if (!detail.actor) {
      blank("Nobody in the log yet", "");
      return;
    }
    if (model.get("behind").actor === detail.actor && model.get("behind").metric) metric = model.get("behind").metric;
    find(".name").textContent = detail.actor;
    find(".verdict-said").textContent =
      `${detail.kind}; ${MARKS[detail.verdict]} ${detail.verdict_words}${detail.standing ? `. ${detail.standing}` : ""}`;
    find(".why").replaceChildren(...(detail.banner ? [] : detail.reasons.map((text) => element("li", { textContent: text }))));
    find(".warnings").replaceChildren(...detail.warnings.map((text) => element("li", { textContent: text })));
    banner(detail);
    draft();
    reliance(detail);
    cards(detail);
    series(detail);
    const said = model.get("behind"),
      same = said.actor === detail.actor && said.metric === metric;
    wanted(same ? said.page || 0 : 0, same && Boolean(said.hits));
    beside();
    root.dataset.actor = detail.actor;
    root.dataset.opened = String(Number(root.dataset.opened || 0) + 1);
  }

  return {
    open,
    blank,
    behind,
    draft,
    audits,
    beside,
    line: () => {
      if (model.get("detail").actor && model.get("line").metric === metric) series(model.get("detail"));
    },
    metric: () => metric,
    want: (name) => {
      metric = name;
    },
    leave: () => {
      if (plan_link) URL.revokeObjectURL(plan_link);
      if (audits_link) URL.revokeObjectURL(audits_link);
    },
  };
}
