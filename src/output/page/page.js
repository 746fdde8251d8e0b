"use strict";
(() => {
  const figure = document.getElementById("picture");
  if (!figure) return;
  const view = figure.querySelector(".view");
  const svg = view.querySelector("svg");
  const details = figure.querySelector(".details");
  const natural = svg.viewBox.baseVal.width;
  const least = () => Math.min(view.clientWidth / natural, 1);
  let scale = svg.getBoundingClientRect().width / natural;

  // Zooms so that the point under the pointer, or the middle, stays where it is.
  const zoom = (to, x = view.clientWidth / 2, y = view.clientHeight / 2) => {
    const next = Math.min(Math.max(to, Math.min(least(), 0.1)), 4);
    const left = (view.scrollLeft + x) * (next / scale) - x;
    const top = (view.scrollTop + y) * (next / scale) - y;
    scale = next;
    svg.style.width = natural * scale + "px";
    view.scrollTo(left, top);
  };
  const deeds = { in: () => zoom(scale * 1.25), out: () => zoom(scale / 1.25), fit: () => zoom(least()), full: () => zoom(1) };
  const tools = figure.querySelector(".tools");
  tools.hidden = false;
  tools.addEventListener("click", (event) => deeds[event.target.dataset.zoom]?.());
  view.addEventListener("keydown", (event) => {
    const deed = { "+": "in", "-": "out", 0: "fit", 1: "full" }[event.key];
    if (deed && !event.ctrlKey && !event.metaKey) deeds[deed]();
  });
  view.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const box = view.getBoundingClientRect();
    zoom(scale * Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });

  // A mouse drags the picture; fingers scroll it by themselves.
  view.classList.add("grab");
  view.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button !== 0) return;
    const from = { x: event.clientX + view.scrollLeft, y: event.clientY + view.scrollTop };
    const move = (event) => view.scrollTo(from.x - event.clientX, from.y - event.clientY);
    const end = () => {
      view.classList.remove("grabbing");
      window.removeEventListener("pointermove", move);
    };
    view.classList.add("grabbing");
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end, { once: true });
  });

  // What a tooltip tells is told below the picture, for the keyboard too.
  details.hidden = false;
  const hint = "Point at a node, container or link, or go there with Tab. Drag or scroll to move, + and − to zoom.";
  details.textContent = hint;
  const parts = [...svg.querySelectorAll(".node, .wire")];
  const told = new Map(parts.map((part) => {
    const title = part.querySelector("title");
    const text = title.textContent;
    title.remove();
    return [part, text];
  }));
  const nodes = new Map();
  for (const part of svg.querySelectorAll(".node")) {
    const name = part.dataset.name;
    nodes.set(name, [...(nodes.get(name) || []), part]);
  }
  const wires = [...svg.querySelectorAll(".wire")];
  const show = (part) => {
    svg.querySelectorAll(".lit").forEach((lit) => lit.classList.remove("lit"));
    if (!part) return;
    const lines = told.get(part).split("\n");
    details.replaceChildren(...lines.map((line, at) => {
      const row = document.createElement(at ? "div" : "strong");
      row.textContent = line;
      return row;
    }));
    part.classList.add("lit");
    if (part.classList.contains("wire")) {
      for (const end of [part.dataset.upper, part.dataset.lower]) nodes.get(end)?.forEach((node) => node.classList.add("lit"));
    } else if (!part.classList.contains("container")) {
      for (const wire of wires) {
        if (wire.dataset.upper === part.dataset.name || wire.dataset.lower === part.dataset.name) wire.classList.add("lit");
      }
    }
  };
  svg.addEventListener("pointerover", (event) => show(event.target.closest(".node, .wire")));
  svg.addEventListener("pointerleave", () => show(null));
  svg.addEventListener("focusin", (event) => show(event.target.closest(".node")));
  svg.addEventListener("focusout", () => show(null));

  // A large fabric is seen as a whole first.
  if (natural > 2400) {
    zoom(Math.max(least(), 0.12));
    view.scrollTo(0, 0);
  }
})();
