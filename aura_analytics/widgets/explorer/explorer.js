// The explorer's front end: the table of everybody, one dossier, and what follows from it. Without a kernel (an exported page) it shows
// what it was given, and its address says what is seen.

const STYLE = `
.aura-explorer { max-width: 1100px; }
@container (max-width: 560px) { .aura-explorer .tools input[type=search] { width: 100%; } .aura-explorer .board { max-height: 320px; } }
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
.aura-explorer figure { margin: 8px 0; } .aura-explorer figcaption { color: var(--muted); } .aura-explorer figure svg { width: 100%; max-width: 760px; height: auto; display: block; font-size: 11px; }
.aura-explorer .reliance > table { border-collapse: separate; border-spacing: 3px; } .aura-explorer .reliance > table td { min-width: 132px; padding: 6px 8px; text-align: center; border-radius: 4px; border: 1px solid var(--line); }
.aura-explorer .reliance > table td b { display: block; font-size: 17px; } .aura-explorer .reliance > table th { font-weight: normal; color: var(--muted); text-align: left; padding: 2px 6px; }
.aura-explorer .reliance p { margin: 4px 0; } .aura-explorer .audits .scroll { max-height: 220px; } .aura-explorer .draw { display: flex; gap: 8px; align-items: end; }
.aura-explorer .draw label { display: flex; flex-direction: column; color: var(--muted); } .aura-explorer .draw input { width: 80px; }
.aura-explorer .beside { overflow: auto; } .aura-explorer .beside th[scope=row] { color: var(--ink); } .aura-explorer .beside small { color: var(--muted); }
.aura-explorer .pages { margin: 4px 0; color: var(--muted); } .aura-explorer .side { display: flex; flex-wrap: wrap; gap: 6px; align-items: end; margin: 4px 0; }
.aura-explorer .side input { width: 200px; } .aura-explorer[data-kernel=lost] .dossier { opacity: 0.45; }
.aura-explorer .draft { border: 1px solid var(--line); border-radius: 4px; padding: 4px 12px 8px; margin: 8px 0; }
`;

const TOOLS = `<div class="tools">
  <label>Search<input class="search" type="search" placeholder="by name"></label><label>Verdict<select class="by-verdict"></select></label>
  <label>Kind<select class="by-kind"></select></label><label>Role<select class="by-role"></select></label><label>Worked in<select class="by-queue"></select></label>
  <label class="kernel">Window<select class="window"></select></label><label class="kernel">Up to<input class="end" type="date"></label>
  <label>Numbers<select class="add-column"></select></label><span class="files"></span></div>`;

function render({ model, el }) {
  const { root, find, ask, beat, pending, leave } = frame(
    { model, el },
    "explorer",
    "Dossier explorer",
    STYLE + BOARD_STYLE,
    `${TOOLS}<div class="board" role="region" tabindex="0" aria-label="Everybody"><table><thead></thead><tbody></tbody></table></div><p class="more said"></p>
    <details class="rule" hidden><summary>The rule, and how often it is wrong</summary></details>
    <div class="dossier"><h3 class="name" tabindex="-1"></h3><p class="said verdict-said"></p><ul class="plain why"></ul>
      <div class="side"><label class="kernel">Set beside <input class="other" type="text" placeholder="a name" aria-label="Set beside another name"></label><button type="button" class="set-beside">Set beside</button><button type="button" class="before kernel">The window before</button></div>
      <div class="banner" role="region" aria-label="What is recommended" hidden></div><div class="draft" role="region" aria-label="Improvement plan" hidden></div><div class="beside" role="region" tabindex="0" aria-label="Side by side" hidden></div>
      <div class="reliance" role="region" aria-label="Right and wrong recommendations" hidden></div>
      <ul class="plain warnings"></ul><div class="cards"></div><figure></figure><h4 class="behind-title"></h4><div class="pages"></div><div class="scroll cases" tabindex="0" role="region" aria-label="Cases behind the number"><table></table></div></div>`,
    {
      pressed: (event) => {
        if (event.composedPath().includes(find(".board tbody"))) table.step(event);
      },
      owed: (state) => {
        // with `disabled` a button would lose the keys: this one keeps them, and does nothing while nobody answers
        for (const button of root.querySelectorAll(".start, .draw-audits, .set-beside, .before, .see-audits"))
          button.setAttribute("aria-disabled", String(state === "lost"));
        if (state === "lost") {
          if (model.get("live")) find(".said").textContent = "Not followed any more: the kernel does not answer.";
          page.blank(wanted || model.get("detail").actor || "", "Not known: the kernel does not answer.");
        } else if (state === "") settled();
      },
    },
  );
  root.addEventListener(
    "click",
    (event) => {
      if (event.target.closest?.('[aria-disabled="true"]')) event.stopPropagation();
    },
    true,
  );
  const alone = model.get("alone");
  let wanted = null,
    restoring = false,
    picking = null,
    file_link = null;
  const page = dossier(model, root, find, ask, pending),
    table = board(model, find, { pick, ask, changed: remember });

  // a pick shows the picked person, or nothing until they are there
  function pick(actor, soon = false) {
    clearTimeout(picking);
    wanted = actor;
    table.select(actor);
    if (alone) {
      show(actor);
      remember();
      return;
    }
    if (model.get("detail").actor !== actor) page.blank(actor, "…");
    const go = () => ask({ pick: actor, metric: page.metric() });
    if (soon) picking = setTimeout(go, 120);
    else go();
  }

  // without a kernel: a dossier is read from the page when it is opened
  function show(actor) {
    const part = document.getElementById(`part-${table.place(actor)}`);
    if (!part) return;
    model.set("behind", {});
    model.set("plan", {});
    model.set("beside", {});
    model.set("detail", JSON.parse(part.textContent));
  }

  function opened() {
    const detail = model.get("detail");
    if (wanted !== null && detail.actor !== wanted && pending()) return; // an answer to an earlier question
    wanted = null;
    table.select(detail.actor);
    page.open();
  }

  // everything that was asked is answered: what is open in the kernel is what is shown
  function settled() {
    told();
    const failed = model.get("failed")?.text;
    if (wanted !== null && model.get("detail").actor !== wanted) {
      if (failed) page.blank(wanted, "Not shown: it failed.");
      else opened();
    } else if (root.dataset.actor !== model.get("detail").actor) opened();
  }

  function rule() {
    const box = find(".rule"),
      said = model.get("card");
    box.hidden = !said.length;
    box.replaceChildren(
      element("summary", { textContent: "The rule, and how often it is wrong" }),
      element("p", { textContent: said[0] || "" }),
      element("ul", { className: "plain" }, ...said.slice(1).map((text) => element("li", { textContent: text }))),
    );
  }

  function looks() {
    const said = model.get("looks");
    find(".window").replaceChildren(
      ...(said.windows || []).map((one) => new Option(one.words, one.window, false, one.window === said.window)),
    );
    find(".end").value = said.end || "";
  }

  function look() {
    const said = model.get("looks"),
      end = find(".end").value;
    page.blank(model.get("detail").actor || "", "…");
    ask({ look: { window: find(".window").value, as_of: end && (end !== said.end || said.fixed) ? `${end}T23:59:59Z` : null } });
  }

  // what is seen, as a file
  function files() {
    const kinds = alone ? ["csv"] : ["csv", "parquet", "xlsx"];
    find(".files").replaceChildren(
      ...kinds.map((kind) => {
        const button = element("button", {
          type: "button",
          className: `save-${kind}`,
          textContent: `Save ${kind === "csv" ? "CSV" : kind === "xlsx" ? "Excel" : "Parquet"}`,
        });
        button.addEventListener("click", () => {
          if (alone) save("dossiers.csv", table.csv());
          else ask({ file: kind, actors: table.actors() });
        });
        return button;
      }),
    );
  }

  function save(name, data) {
    if (file_link) URL.revokeObjectURL(file_link);
    file_link = URL.createObjectURL(new Blob([data]));
    const link = element("a", { href: file_link, download: name, hidden: true });
    root.append(link);
    link.click();
    link.remove();
    root.dataset.saved = name;
  }

  // the address of a page says what is seen, so that a link shows the same
  function remember() {
    if (!alone || !root.dataset.opened || restoring) return;
    const { sort, down, ...rest } = table.view,
      said = Object.entries({ ...rest, sort: sort && `${down ? "-" : ""}${sort}`, actor: wanted || model.get("detail").actor });
    const text = new URLSearchParams(said.filter(([, value]) => value)).toString();
    history.replaceState(null, "", `#${text}`);
  }

  function remembered() {
    const said = new URLSearchParams(location.hash.slice(1)),
      sort = said.get("sort") || "";
    restoring = true;
    table.choose({
      ...Object.fromEntries(["text", "verdict", "kind", "role", "queue"].map((name) => [name, said.get(name) || ""])),
      sort: sort.replace(/^-/, ""),
      down: sort.startsWith("-") || !sort,
    });
    restoring = false;
    const actor = said.get("actor");
    return actor && table.has(actor) ? actor : null;
  }

  const told = () => {
    find(".said").textContent = model.get("said");
  };
  find(".window").addEventListener("change", look);
  find(".end").addEventListener("change", look);
  find(".set-beside").addEventListener("click", () => {
    const name = find(".other").value.trim();
    if (name) ask({ beside: name, of: model.get("detail").actor });
  });
  find(".before").addEventListener("click", () => ask({ beside: null, of: model.get("detail").actor }));
  model.on("change:people", () => table.load());
  model.on("change:detail", opened);
  model.on("change:behind", page.behind);
  model.on("change:plan", page.draft);
  model.on("change:audits", page.audits);
  model.on("change:beside", page.beside);
  model.on("change:line", page.line);
  model.on("change:sparks", table.sparks);
  model.on("change:card", rule);
  model.on("change:looks", looks);
  model.on("change:said", told);
  model.on("change:title", () => {
    find(".title").textContent = model.get("title");
  });
  model.on("change:download", () => {
    const { name, data } = model.get("download");
    if (name) save(name, data.buffer ? data : new Uint8Array(data));
  });
  told();
  rule();
  looks();
  files();
  table.load();
  if (alone) {
    for (const part of root.querySelectorAll(".kernel, .side")) part.hidden = true;
    const actor = remembered() || model.get("opened");
    if (actor) {
      show(actor);
      table.reveal(actor);
      remember();
    } else page.open();
    addEventListener("hashchange", () => {
      const other = remembered();
      if (other && other !== model.get("detail").actor) show(other);
      remember();
    });
  } else opened();
  // the ledger is followed as long as somebody looks
  const beats = model.get("live") && !alone ? setInterval(beat, 15000) : null;
  if (beats) beat();
  return () => {
    clearInterval(beats);
    clearTimeout(picking);
    table.stop();
    page.leave();
    if (file_link) URL.revokeObjectURL(file_link);
    leave();
  };
}

export default { render };
