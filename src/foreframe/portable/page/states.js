// The linear head that predicts the next states from the last two conditions.

/** Write the states of the next condition into it. */
export function following({ indices, mean, std, weights }, before, now, whole) {
  const standard = (values) => mean.map((m, i) => (values[i] - m) / std[i]);
  const inputs = [...standard(before), ...standard(now), 1];
  indices.forEach((to, k) => {
    const change = inputs.reduce((sum, value, i) => sum + value * weights[i][k], 0);
    whole[to] = now[to] + change * std[to];
  });
}
