// Waiting for what must come: no test sleeps for a time.

/** Asks until it holds; `what`: what was awaited, or a function that says it. */
export async function until(holds, what, seconds = 30) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await holds();
    if (value) return value;
    const missing = typeof what === 'function' ? what() : what;
    if (Date.now() > end) throw new Error(missing);
    await new Promise((done) => setTimeout(done, 20));
  }
}
