// A pointer or the arrow keys read a chart's value at a place. The table below has every value.
(() => {
  "use strict";

  function prepare(figure) {
    const plot = figure.querySelector(".chart-plot");
    if (!plot || figure.querySelector(".chart-readout")) return;
    const points = JSON.parse(figure.dataset.chart);
    const readout = document.createElement("output");
    readout.className = "chart-readout";
    plot.closest(".chart-frame").after(readout);
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    line.setAttribute("class", "chart-pointer");
    line.setAttribute("y1", "30");
    line.setAttribute("y2", "222");
    let chosen = -1;

    function show(number) {
      chosen = Math.min(Math.max(number, 0), points.length - 1);
      const [across, text] = points[chosen];
      line.setAttribute("x1", `${across}%`);
      line.setAttribute("x2", `${across}%`);
      plot.append(line);
      readout.textContent = text;
    }

    function clear() {
      chosen = -1;
      line.remove();
      readout.textContent = "";
    }

    plot.setAttribute("tabindex", "0");
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect();
      const across = ((event.clientX - box.left) / box.width) * 100;
      const distance = ([x]) => Math.abs(x - across);
      const nearest = points.reduce((best, point, number) => (distance(point) < distance(points[best]) ? number : best), 0);
      show(nearest);
    });
    plot.addEventListener("pointerleave", clear);
    plot.addEventListener("blur", clear);
    plot.addEventListener("focus", () => { if (chosen < 0) show(points.length - 1); });
    plot.addEventListener("keydown", (event) => {
      const next = { ArrowLeft: chosen - 1, ArrowRight: chosen + 1, Home: 0, End: points.length - 1 }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      show(next);
    });
  }

  function prepareAll(root) {
    root.querySelectorAll("figure[data-chart]").forEach(prepare);
  }

  document.addEventListener("DOMContentLoaded", () => prepareAll(document));
  document.addEventListener("htmx:load", (event) => prepareAll(event.detail.elt.parentElement || document));
})();
