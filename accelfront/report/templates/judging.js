"use strict";

// Which point is the answer to other budgets: the rule of storage/records/budgets.py and judgement.py, on the figures of the page.
const judging = (() => {
  const REACH = 1.959964, LONG_REACH = 3.182446;

  // Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: wrong by less than 2e-7.
  function normal(z) {
    const x = Math.abs(z) / Math.SQRT2, t = 1 / (1 + 0.3275911 * x);
    const sum = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    const erf = 1 - sum * Math.exp(-x * x);
    return z < 0 ? (1 - erf) / 2 : (1 + erf) / 2;
  }

  // The chance that a figure [value, low, high] is truly no greater; an unknown end is null.
  function chanceBelow([value, low, high], most) {
    const ends = [low === null ? Infinity : value - low, high === null ? Infinity : high - value];
    const below = ends[0] >= 0 ? ends[0] : ends[1], above = ends[1] >= 0 ? ends[1] : ends[0];
    if (most >= value) {
      if (above === 0) return 1;
      const t = above === Infinity ? 0 : LONG_REACH * (most - value) / above / Math.sqrt(3);
      return 0.5 + (t / (1 + t * t) + Math.atan(t)) / Math.PI;
    }
    if (below === Infinity) return 0.5;
    return below ? normal((most - value) * REACH / below) : 0;
  }

  // The chance to keep all budgets: chances to break one add up at worst, and an unknown figure breaks its budget.
  function chanceInside(point, budgets) {
    const broken = Object.entries(budgets).map(([name, most]) =>
      point.figures[name] ? 1 - chanceBelow(point.figures[name], most) : 1);
    return Math.max(0, 1 - broken.reduce((sum, each) => sum + each, 0));
  }

  // Whether a point keeps all budgets as measured, whatever its intervals.
  const isInside = (point, budgets) => Object.entries(budgets).every(([name, most]) =>
    point.figures[name] && point.figures[name][0] <= most);

  // The fastest of some points; of equally fast ones the one with the least loss.
  const fastest = (points, loss) => points.reduce((best, point) => {
    const ahead = !best ? 1 : point.figures.speedup[0] - best.figures.speedup[0]
      || best.figures[loss][0] - point.figures[loss][0];
    return ahead > 0 ? point : best;
  }, null);

  // The answer, and the bolder point; null if there is none.
  function judge({ points, loss, sure, slowest }, budgets) {
    const faster = points.filter((point) => point.figures.speedup[0] > slowest);
    const answer = fastest(faster.filter((point) => chanceInside(point, budgets) >= sure), loss);
    const best = fastest(faster.filter((point) => isInside(point, budgets)), loss);
    const isBolder = best && (!answer || best.figures.speedup[0] > answer.figures.speedup[0]);
    return { answer, bolder: isBolder ? best : null };
  }

  return { chanceInside, isInside, judge };
})();
