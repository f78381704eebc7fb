// Random numbers as a function: the same seed, future and step give the same draws, so that what
// was undone happens again in the same way.

/** A generator of whole numbers of 32 bits (splitmix32). */
function generator(state) {
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
}

/** Mix numbers into one of 32 bits. */
export function mixed(...numbers) {
  return numbers.reduce((state, number) => generator(state ^ number)(), 0x5eed);
}

/** Fill an array with draws of N(0, temperature^2) (Box & Muller 1958). */
export function drawInto(out, seed, temperature) {
  const next = generator(seed),
    uniform = () => (next() + 0.5) / 2 ** 32;
  for (let i = 0; i < out.length; i += 2) {
    const radius = temperature * Math.sqrt(-2 * Math.log(uniform())),
      angle = 2 * Math.PI * uniform();
    out[i] = radius * Math.cos(angle);
    if (i + 1 < out.length) out[i + 1] = radius * Math.sin(angle);
  }
}
