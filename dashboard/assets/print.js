/* Charts are drawn for the screen's width; before printing they are drawn anew for the paper's (assets/print.css). */
(function () {
  "use strict";
  const HALF = 322, THIRD = 204, HEIGHT = 148, FONT = 9; /* CSS pixels within a panel of half, or a third of, A4 */

  function charts() {
    return Array.from(document.querySelectorAll(".js-plotly-plot"));
  }

  function fit() {
    charts().forEach(function (chart) {
      if (chart.onScreen) return;
      chart.onScreen = { height: chart.layout.height, font: chart.layout.font.size };
      const width = chart.closest(".panels.more") ? THIRD : HALF;
      window.Plotly.relayout(chart, { autosize: false, width: width, height: HEIGHT, "font.size": FONT });
    });
  }

  function back() {
    charts().forEach(function (chart) {
      if (!chart.onScreen) return;
      const was = chart.onScreen;
      chart.onScreen = null;
      window.Plotly.relayout(chart, { autosize: true, width: null, height: was.height, "font.size": was.font });
    });
  }

  window.addEventListener("beforeprint", fit);
  window.addEventListener("afterprint", back);
  /* a browser that prints by itself, without a window, says so only here */
  window.matchMedia("print").addEventListener("change", function (event) {
    (event.matches ? fit : back)();
  });
})();
