/* Charts are drawn for the screen's width; before printing they are drawn anew for the paper's (assets/print.css). */
(function () {
  "use strict";
  const WIDTH = 322, HEIGHT = 130, TALL = 196, FONT = 9; /* CSS pixels, within a panel of half the width of A4 */

  function charts() {
    return Array.from(document.querySelectorAll(".js-plotly-plot"));
  }

  function fit() {
    charts().forEach(function (chart) {
      chart.onScreen = chart.onScreen || { height: chart.layout.height, font: chart.layout.font.size };
      const height = chart.closest(".panels.more") ? TALL : HEIGHT;
      window.Plotly.relayout(chart, { autosize: false, width: WIDTH, height: height, "font.size": FONT });
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
  /* once more: in between, Dash may have drawn a chart for the screen again */
  window.matchMedia("print").addEventListener("change", function (event) {
    (event.matches ? fit : back)();
  });
})();
