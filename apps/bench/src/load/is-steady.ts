/** Fewer say too little of how far the next ones may lie apart. */
const LEAST_VALUES = 8;
/** Half of the interval's width, of the mean. */
const PRECISION = 0.05;

/**
 * Whether a figure that was measured several times in a row has settled: whether half of the 95 % confidence interval of its mean is at most 5 % of the mean,
 * over 8 values or more.
 *
 *     t(0.975, n − 1) · s / √n ≤ 0.05 · mean        s² = Σ (x − mean)² / (n − 1)
 *
 * The sequential procedure with relative precision of A. M. Law, "Simulation Modeling and Analysis", chapter 9, on batch means. The values are taken to be
 * independent, which windows of a throughput are the more, the longer they are compared with one request.
 */
export function isSteady(values: readonly number[]): boolean {
  const count = values.length;
  if (count < LEAST_VALUES) return false;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (mean <= 0) return false;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  return studentT(count - 1) * Math.sqrt(variance / count) <= PRECISION * mean;
}

/**
 * The 0.975 quantile of Student's t distribution, exact to 0.002 from 7 degrees of freedom on. Abramowitz and Stegun, "Handbook of Mathematical Functions",
 * 26.7.5, of which four terms are enough.
 */
export function studentT(degrees: number): number {
  const z = 1.959964;
  const first = (z ** 3 + z) / 4;
  const second = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96;
  const third = (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384;
  return z + first / degrees + second / degrees ** 2 + third / degrees ** 3;
}
