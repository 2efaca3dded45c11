"use strict";
// Draws the audit that stands in the page. Every text goes into text nodes: nothing of the data is ever read as markup.
(() => {
  const AUDITS = JSON.parse(document.getElementById("data").textContent);
  const RANK = ["error", "warning", "info"];
  const BOX = { width: 164, height: 48, across: 66 };
  const DOWN = { least: 20, most: 64 };
  const $ = (id) => document.getElementById(id);

  let audit = AUDITS[0];
  let chosen = null; // the id of a node
  let shown = new Set(RANK);
  let query = "";
  let view = { x: 0, y: 0, scale: 1 };
  let places = new Map();
  let containers = false; // whether list[...], Iterator[...] and their like are drawn
  let nodes = [], edges = [];

  const make = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
  const draw = (tag, attributes = {}, ...children) =>
    fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") element.addEventListener(name, value);
      else if (value !== null) element.setAttribute(name, value);
    }
    element.append(...children.flat().filter((child) => child !== null));
    return element;
  }
  const shorten = (text, most) => (text.length > most ? text.slice(0, most - 1) + "\u2026" : text);
  const plainName = (name) => name.replace(/[A-Za-z_][\w.]*:/g, "");
  const worst = (findings) => RANK.find((level) => findings.some((each) => each.severity === level)) || "";
  const standing = (findings) => findings.filter((each) => !each.accepted);

  // What belongs to what

  function findingsOf(node) {
    if (node.kind === "power") {
      const ids = node.name === "unanalysable" ? ["unanalysable"] : ["power-" + node.name];
      return audit.findings.filter((each) => ids.includes(each.id));
    }
    return node.kind === "interface" ? audit.findings.filter((each) => each.interface === node.name) : [];
  }
  const matchesText = (text) => text.toLowerCase().includes(query);
  function findingMatches(each) {
    if (!shown.has(each.severity)) return false;
    return !query || [each.id, each.message, each.path, each.file, each.fingerprint, each.accepted].some(matchesText)
      || each.trace.some((step) => matchesText(step.text) || matchesText(step.file));
  }
  function nodeMatches(node) {
    if (!query) return true;
    return matchesText(node.name) || (node.operations || []).some((each) => matchesText(each.text))
      || findingsOf(node).some(findingMatches);
  }

  const isContainer = (node) => node.kind === "interface" && !node.name.split("[")[0].includes(":") && !node.roots.length;

  // Containers are walked through, so that a room stands beside the lobby whose rooms() gives a Sequence[Room].
  function contract() {
    const hidden = new Set(containers ? [] : audit.chart.nodes.filter(isContainer).map((node) => node.id));
    nodes = audit.chart.nodes.filter((node) => !hidden.has(node.id));
    const after = new Map();
    for (const edge of audit.chart.edges) {
      if (!after.has(edge.from)) after.set(edge.from, []);
      after.get(edge.from).push(edge);
    }
    const merged = new Map();
    const join = (from, to, by) => {
      const key = JSON.stringify([from, to]);
      if (!merged.has(key)) merged.set(key, { from, to, by: [] });
      const known = merged.get(key).by;
      for (const step of by) if (!known.includes(step)) known.push(step);
    };
    for (const node of nodes) {
      for (const edge of after.get(node.id) || []) {
        const queue = [edge.to], seen = new Set(queue);
        while (queue.length) {
          const id = queue.shift();
          if (!hidden.has(id)) { join(node.id, id, edge.by); continue; }
          for (const next of after.get(id) || []) if (!seen.has(next.to)) { seen.add(next.to); queue.push(next.to); }
        }
      }
    }
    edges = [...merged.values()];
  }

  function distances() {
    const found = new Map(nodes.filter((node) => node.roots && node.roots.length).map((node) => [node.id, 0]));
    const queue = [...found.keys()];
    while (queue.length) {
      const id = queue.shift();
      for (const edge of edges) if (edge.from === id && !found.has(edge.to)) { found.set(edge.to, found.get(id) + 1); queue.push(edge.to); }
    }
    return found;
  }

  // The picture: columns by distance from the roots, powers in the last one

  function layout() {
    contract();
    const distance = distances(), powers = nodes.filter((node) => node.kind === "power");
    const far = (node) => distance.get(node.id) ?? 0;
    const last = 1 + Math.max(0, ...nodes.filter((node) => node.kind !== "power").map(far));
    const columns = Array.from({ length: last + 1 }, () => []);
    for (const node of nodes) columns[powers.includes(node) ? last : far(node)].push(node);
    const neighbours = new Map(nodes.map((node) => [node.id, []]));
    for (const edge of edges) {
      if (neighbours.has(edge.from) && neighbours.has(edge.to)) {
        neighbours.get(edge.from).push(edge.to);
        neighbours.get(edge.to).push(edge.from);
      }
    }
    const order = new Map();
    columns.forEach((column) => column.forEach((node, index) => order.set(node.id, index)));
    for (let round = 0; round < 8; round += 1) {
      for (const column of columns) {
        const weight = new Map(column.map((node) => {
          const around = neighbours.get(node.id).map((id) => order.get(id));
          return [node.id, around.length ? around.reduce((a, b) => a + b, 0) / around.length : order.get(node.id)];
        }));
        column.sort((a, b) => weight.get(a.id) - weight.get(b.id) || (a.id < b.id ? -1 : 1));
        column.forEach((node, index) => order.set(node.id, index));
      }
    }
    const filled = columns.filter((column) => column.length);
    const tallest = Math.max(...filled.map((column) => column.length), 1);
    const box = $("graph").getBoundingClientRect(), width = filled.length * (BOX.width + BOX.across) - BOX.across;
    const room = (box.height - 110) / Math.min(1.15, (box.width - 48) / width) / tallest - BOX.height;
    const down = Math.min(DOWN.most, Math.max(DOWN.least, room));
    places = new Map();
    filled.forEach((column, x) => column.forEach((node, y) => {
      places.set(node.id, {
        x: x * (BOX.width + BOX.across),
        y: (y + (tallest - column.length) / 2) * (BOX.height + down),
      });
    }));
  }

  function edgePath(from, to) {
    const a = places.get(from), b = places.get(to), middle = BOX.height / 2;
    if (from === to) {
      const x = a.x + BOX.width - 30;
      return { path: `M${x},${a.y} c-4,-26 30,-26 22,0`, x: x + 10, y: a.y - 22 };
    }
    if (b.x > a.x) {
      const x1 = a.x + BOX.width, y1 = a.y + middle, x2 = b.x, y2 = b.y + middle, bend = Math.max(40, (x2 - x1) / 2);
      return { path: `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`, x: (x1 + x2) / 2, y: (y1 + y2) / 2 - 4 };
    }
    const side = a.x === b.x, x1 = side ? a.x + BOX.width : a.x, x2 = b.x + BOX.width;
    const y1 = a.y + middle + 8, y2 = b.y + middle + 8, bend = side ? 48 : -48;
    return { path: `M${x1},${y1} C${x1 + bend},${y1} ${x2 + 48},${y2} ${x2},${y2}`, x: (x1 + x2) / 2 + (side ? 40 : 0), y: (y1 + y2) / 2 + 12 };
  }

  function edgeLevel(edge) {
    if (!edge.to.startsWith("power ")) return "";
    const id = edge.to.slice(6), ids = id === "unanalysable" ? id : "power-" + id;
    return worst(standing(audit.findings.filter((each) => each.id === ids && each.interface === edge.from)));
  }

  // The edges of a shortest way from a root to a node.
  function wayTo(id) {
    const by = new Map(), queue = nodes.filter((node) => node.roots && node.roots.length).map((node) => node.id), seen = new Set(queue);
    while (queue.length) {
      const at = queue.shift();
      for (const edge of edges) if (edge.from === at && !seen.has(edge.to)) { seen.add(edge.to); by.set(edge.to, edge); queue.push(edge.to); }
    }
    const way = new Set();
    for (let edge = by.get(id); edge; edge = by.get(edge.from)) way.add(edge);
    return way;
  }

  function drawGraph() {
    const scene = draw("g", { id: "scene" });
    const touched = new Set(chosen ? [chosen] : []), way = wayTo(chosen);
    for (const edge of edges) {
      if (edge.from === chosen || edge.to === chosen || way.has(edge)) { touched.add(edge.from); touched.add(edge.to); }
    }
    const byId = new Map(nodes.map((node) => [node.id, node]));
    const isFaint = (node) => !nodeMatches(node) || (chosen !== null && !touched.has(node.id));
    const labels = [];
    for (const edge of edges) {
      if (!places.has(edge.from) || !places.has(edge.to)) continue;
      const hot = edge.from === chosen || edge.to === chosen || way.has(edge);
      const faint = isFaint(byId.get(edge.from)) || isFaint(byId.get(edge.to)) || (chosen !== null && !hot);
      const line = edgePath(edge.from, edge.to);
      scene.append(draw("path", { class: `edge ${edgeLevel(edge)} ${hot ? "hot" : ""} ${faint ? "faint" : ""}`, d: line.path },
        draw("title", {}, `${plainName(edge.from)} \u2192 ${plainName(edge.to)}: ${edge.by.join(", ")}`)));
      if (!faint && (hot || edges.length <= 30)) {
        const text = edge.by.length > 1 ? `${edge.by[0]} +${edge.by.length - 1}` : edge.by[0];
        const free = labels.every((other) => Math.abs(other.x - line.x) > 72 || Math.abs(other.y - line.y) > 13);
        if (hot || free) labels.push({ x: line.x, y: line.y, text: shorten(text, hot ? 24 : 13) });
      }
    }
    for (const node of nodes) scene.append(drawNode(node, isFaint(node)));
    scene.append(...labels.map((each) => draw("text", { class: "label", x: each.x, y: each.y }, each.text)));
    $("graph").replaceChildren(scene);
    move();
  }

  function drawNode(node, faint) {
    const place = places.get(node.id), findings = standing(findingsOf(node)), power = node.kind === "power";
    const kind = [node.kind, node.roots && node.roots.length ? "root" : "", power ? worst(findings) : "",
      node.id === chosen ? "chosen" : "", faint ? "faint" : ""].join(" ");
    const more = power ? `${findings.length} finding${findings.length === 1 ? "" : "s"}`
      : [node.roots.length ? `root ${node.roots.join(", ")}` : node.kind === "import" ? "the client's own" : node.facet ? "facet" : "",
        `${node.operations.length} operation${node.operations.length === 1 ? "" : "s"}`].filter(Boolean).join(" \u00b7 ");
    const group = draw("g", {
      class: `node ${kind}`, transform: `translate(${place.x},${place.y})`, tabindex: "0", role: "button",
      click: () => choose(node.id), keydown: (event) => { if (event.key === "Enter") choose(node.id); },
    },
      draw("title", {}, node.name),
      draw("rect", { class: "box", width: BOX.width, height: BOX.height, rx: power ? BOX.height / 2 : 8 }),
      draw("text", { class: "name", x: power ? 20 : 12, y: power ? 29 : 20 }, shorten(plainName(node.name), power ? 14 : 18)),
      power ? null : draw("text", { class: "more", x: 12, y: 37 }, shorten(more, 27)));
    let right = BOX.width - 8;
    for (const level of RANK) {
      const count = findings.filter((each) => each.severity === level).length;
      if (!count || (power && level !== worst(findings))) continue;
      const width = 12 + 7 * String(count).length;
      right -= width + 4;
      group.append(draw("g", { class: `badge ${level}`, transform: `translate(${right + 4},${power ? 16 : -8})` },
        draw("rect", { width, height: 16, rx: 8 }), draw("text", { x: width / 2, y: 12 }, String(count))));
    }
    return group;
  }

  function move() {
    const scene = $("scene");
    if (scene) scene.setAttribute("transform", `translate(${view.x},${view.y}) scale(${view.scale})`);
  }
  function fit() {
    const all = [...places.values()], box = $("graph").getBoundingClientRect();
    if (!all.length) return;
    const width = Math.max(...all.map((place) => place.x)) + BOX.width, height = Math.max(...all.map((place) => place.y)) + BOX.height;
    const scale = Math.min(1.15, (box.width - 48) / width, (box.height - 96) / height);
    view = { scale, x: (box.width - width * scale) / 2, y: Math.max(28, (box.height - 40 - height * scale) / 2) };
    move();
  }
  function zoom(factor, x, y) {
    const box = $("graph").getBoundingClientRect(), px = x ?? box.width / 2, py = y ?? box.height / 2;
    const scale = Math.min(3, Math.max(0.08, view.scale * factor));
    view = { scale, x: px - (px - view.x) * (scale / view.scale), y: py - (py - view.y) * (scale / view.scale) };
    move();
  }

  // The words

  function marked(text) {
    if (!query) return [text];
    const parts = [], lower = text.toLowerCase();
    let from = 0;
    for (let at = lower.indexOf(query); at >= 0 && lower.length === text.length; at = lower.indexOf(query, from)) {
      parts.push(text.slice(from, at), make("mark", {}, text.slice(at, at + query.length)));
      from = at + query.length;
    }
    return [...parts, text.slice(from)];
  }

  function findingCard(each, open) {
    const card = make("article", { class: `finding ${each.severity} ${each.accepted ? "accepted" : ""}`, tabindex: "0" },
      make("div", { class: "head" }, make("b", {}, ...marked(each.id)), each.accepted ? make("span", {}, "accepted") : null,
        make("span", { class: "place mono" }, "\u200e" + (each.file ? each.file + (each.line ? `:${each.line}` : "") : ""))),
      make("p", {}, ...marked(each.message)));
    const more = () => make("dl", {},
      ...(each.path ? [make("dt", {}, "path"), make("dd", { class: "mono" }, ...marked(each.path))] : []),
      ...(each.trace.length ? [make("dt", {}, "calls"), make("dd", {}, make("ol", { class: "mono" },
        each.trace.map((step) => make("li", {}, ...marked(step.text), " ", make("span", { class: "where" }, `${step.file}:${step.line}`)))))] : []),
      make("dt", {}, "why"), make("dd", {}, each.why), make("dt", {}, "do"), make("dd", {}, each.todo),
      ...(each.accepted ? [make("dt", {}, "accepted"), make("dd", {}, ...marked(each.accepted))] : []),
      make("dt", {}, "id"), make("dd", { class: "mono" }, each.fingerprint));
    const toggle = () => { const list = card.querySelector("dl"); if (list) list.remove(); else card.append(more()); };
    card.addEventListener("click", () => { if (!String(window.getSelection())) toggle(); });
    card.addEventListener("keydown", (event) => { if (event.key === "Enter") toggle(); });
    if (open) toggle();
    return card;
  }

  function nearest(a, b) {
    return Boolean(a.accepted) - Boolean(b.accepted) || RANK.indexOf(a.severity) - RANK.indexOf(b.severity)
      || a.path.split(" -> ").length - b.path.split(" -> ").length || a.trace.length - b.trace.length
      || (a.path < b.path ? -1 : a.path > b.path ? 1 : a.line - b.line);
  }

  function drawDetails() {
    const parts = [], node = audit.chart.nodes.find((each) => each.id === chosen);
    if (node) {
      const back = make("button", { type: "button", click: () => choose(null) }, "all");
      parts.push(make("h2", {}, make("span", {}, node.name), make("small", {}, node.kind === "import" ? "the server may call it" : node.kind), back));
      if (node.operations) parts.push(make("ul", { class: "operations mono" }, node.operations.map((each) => {
        const level = worst(standing(findingsOf(node).filter((found) => found.member === each.name)));
        return make("li", { class: `${each.writes ? "writes" : ""} ${level}` }, ...marked(each.text));
      })));
    }
    const findings = (node ? findingsOf(node) : audit.findings).filter(findingMatches).sort(nearest);
    parts.push(make("h2", {}, "Findings", make("small", {}, String(findings.length))));
    if (!findings.length) parts.push(make("p", { class: "nothing" }, query ? "Nothing that fits the search." : "Nothing found."));
    parts.push(...findings.slice(0, 500).map((each) => findingCard(each, findings.length <= 3)));
    if (findings.length > 500) parts.push(make("p", { class: "nothing" }, `and ${findings.length - 500} more: search to see them`));
    if (!audit.compared) parts.push(make("p", { class: "nothing" }, "The modules behind this file were not found: it was not compared with the hints."));
    $("details").replaceChildren(...parts);
    $("details").scrollTop = 0;
  }

  function drawHead() {
    const interfaces = audit.chart.nodes.filter((node) => node.kind === "interface").length;
    $("target").textContent = audit.target;
    $("target").title = audit.sha256 ? `sha256 ${audit.sha256}` : "";
    $("verdict").textContent = audit.verdict.toUpperCase();
    $("verdict").className = audit.verdict;
    $("numbers").textContent = `${interfaces} interface${interfaces === 1 ? "" : "s"}, ${audit.operations} operations`;
    $("levels").replaceChildren(...RANK.map((level) => make("button", {
      type: "button", class: `level-${level}`, "aria-pressed": String(shown.has(level)),
      click: () => { if (shown.has(level)) shown.delete(level); else shown.add(level); redraw(); },
    }, `${audit.counts[level]} ${level === "info" ? "remark" : level}${audit.counts[level] === 1 ? "" : "s"}`)));
  }

  function redraw() { drawHead(); drawGraph(); drawDetails(); }
  function choose(id) {
    chosen = id === chosen ? null : id;
    window.location.hash = chosen === null ? "" : encodeURIComponent(chosen); // so that a link leads to it
    redraw();
  }
  function show(index) {
    audit = AUDITS[index];
    const wanted = decodeURIComponent(window.location.hash.slice(1));
    chosen = audit.chart.nodes.some((node) => node.id === wanted) ? wanted : null;
    containers = containers || audit.chart.nodes.some((node) => node.id === wanted && isContainer(node));
    $("containers").setAttribute("aria-pressed", String(containers));
    layout();
    redraw();
    fit();
  }

  // What a person does

  $("search").addEventListener("input", (event) => { query = event.target.value.trim().toLowerCase(); redraw(); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== $("search")) { event.preventDefault(); $("search").focus(); }
    if (event.key === "Escape") { $("search").value = ""; query = ""; chosen = null; redraw(); }
  });
  $("in").addEventListener("click", () => zoom(1.25));
  $("out").addEventListener("click", () => zoom(0.8));
  $("fit").addEventListener("click", fit);
  $("containers").addEventListener("click", () => {
    containers = !containers;
    $("containers").setAttribute("aria-pressed", String(containers));
    layout();
    redraw();
    fit();
  });
  $("graph").addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = $("graph").getBoundingClientRect();
    zoom(event.deltaY < 0 ? 1.1 : 1 / 1.1, event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  let grip = null;
  $("graph").addEventListener("pointerdown", (event) => { grip = { x: event.clientX - view.x, y: event.clientY - view.y }; });
  window.addEventListener("pointermove", (event) => {
    if (!grip || !event.buttons) return;
    $("graph").classList.add("moving");
    view.x = event.clientX - grip.x;
    view.y = event.clientY - grip.y;
    move();
  });
  window.addEventListener("pointerup", () => { grip = null; $("graph").classList.remove("moving"); });
  window.addEventListener("resize", () => { layout(); redraw(); fit(); });

  const root = document.documentElement;
  const setTheme = (dark) => { root.dataset.theme = dark ? "dark" : "light"; };
  setTheme(window.matchMedia("(prefers-color-scheme: dark)").matches);
  $("theme").addEventListener("click", () => setTheme(root.dataset.theme !== "dark"));

  if (AUDITS.length > 1) {
    $("audits").hidden = false;
    $("audits").append(...AUDITS.map((each, index) => make("option", { value: String(index) }, each.target)));
    $("audits").addEventListener("change", (event) => show(Number(event.target.value)));
  }
  show(0);
})();
