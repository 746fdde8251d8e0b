// What is wrong with how a page looks, as a list of sentences. Run in the page.
(() => {
  const wrong = [];
  const page = document.documentElement;
  const within = (a, b, by = 1) =>
    a.left >= b.left - by && a.right <= b.right + by && a.top >= b.top - by && a.bottom <= b.bottom + by;
  const overlap = (a, b) => a.left < b.right - 0.5 && b.left < a.right - 0.5 && a.top < b.bottom - 0.5 && b.top < a.bottom - 0.5;
  const svg = document.querySelector("svg");
  if (page !== svg && page.scrollWidth > page.clientWidth) {
    const out = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > page.clientWidth + 1);
    wrong.push(`the page is ${page.scrollWidth} wide in ${page.clientWidth}: ${out.slice(0, 5).map((e) => e.tagName + "." + e.className).join(" ")}`);
  }

  const nodes = [...svg.querySelectorAll(".node")].map((node) => ({
    id: node.id,
    inner: node.matches(".container, .more"),
    box: node.querySelector(".box").getBoundingClientRect(),
    node,
  }));
  const ground = svg.querySelector(".ground").getBoundingClientRect();
  for (const one of nodes) if (!within(one.box, ground)) wrong.push(`${one.id} is outside the picture`);
  for (const kind of [true, false]) {
    const same = nodes.filter((one) => one.inner === kind).sort((a, b) => a.box.left - b.box.left);
    same.forEach((one, at) => {
      for (let next = at + 1; next < same.length && same[next].box.left < one.box.right; next += 1) {
        if (overlap(one.box, same[next].box)) wrong.push(`${one.id} and ${same[next].id} overlap`);
      }
    });
  }
  const servers = nodes.filter((one) => one.node.matches(".server"));
  for (const one of nodes.filter((one) => one.inner)) {
    const holders = servers.filter((server) => within(one.box, server.box, 0));
    if (holders.length !== 1) wrong.push(`${one.id} is in ${holders.length} servers`);
  }

  // Labels: in the picture, in their boxes, and not over each other.
  for (const text of svg.querySelectorAll("text")) {
    if (!within(text.getBoundingClientRect(), ground)) wrong.push(`"${text.textContent}" is outside the picture`);
  }
  for (const { id, box, node } of nodes) {
    const texts = [...node.querySelectorAll(":scope > text, :scope > .sign circle")];
    texts.forEach((text, at) => {
      const area = text.getBoundingClientRect();
      if (!within(area, box)) wrong.push(`"${text.textContent}" is outside ${id}`);
      for (const port of node.querySelectorAll(".port rect")) {
        if (overlap(area, port.getBoundingClientRect())) wrong.push(`"${text.textContent}" is over a port of ${id}`);
      }
      for (const other of texts.slice(at + 1)) {
        const theirs = other.getBoundingClientRect();
        // Lines of text stand close: what counts is that they aren't beside each other in one place.
        const deep = Math.min(area.bottom, theirs.bottom) - Math.max(area.top, theirs.top);
        if (overlap(area, theirs) && deep > area.height / 2) wrong.push(`"${text.textContent}" is over "${other.textContent}" in ${id}`);
      }
    });
    const ports = [...node.querySelectorAll(".port")];
    ports.forEach((port, at) => {
      const area = port.querySelector("rect").getBoundingClientRect();
      if (!within(area, box)) wrong.push(`${port.textContent} is outside ${id}`);
      if (!within(port.querySelector("text").getBoundingClientRect(), area)) wrong.push(`${port.textContent} is too long on ${id}`);
      for (const other of ports.slice(at + 1)) {
        if (overlap(area, other.querySelector("rect").getBoundingClientRect())) wrong.push(`ports of ${id} overlap`);
      }
    });
  }

  // Contrast by WCAG 2.1: 4.5 to 1 at least.
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = channels(color).map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const readable = (what, text, behind) => {
    const ratio = contrast(text, behind);
    if (ratio < 4.5) wrong.push(`${what}: ${text} on ${behind} has a contrast of ${ratio.toFixed(2)}`);
  };
  const fill = (element) => getComputedStyle(element).fill;
  for (const { id, node } of nodes) {
    const box = fill(node.querySelector(".box"));
    for (const text of node.querySelectorAll(":scope > text")) readable(`${id} ${text.textContent}`, fill(text), box);
    for (const port of node.querySelectorAll(".port")) readable(`${id} port`, fill(port.querySelector("text")), fill(port.querySelector("rect")));
    for (const sign of node.querySelectorAll(".sign")) readable(`${id} sign`, fill(sign.querySelector("text")), fill(sign.querySelector("circle")));
  }
  const background = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (channels(color)[3] !== 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  for (const element of document.querySelectorAll("h1, h2, p, dt, dd, a, .badge, th, td, summary, pre span, .label, .time, button, .details")) {
    if (element.textContent.trim()) readable(element.textContent.slice(0, 40), getComputedStyle(element).color, background(element));
  }
  return wrong.slice(0, 20);
})()
