/** Choosing at random, from a seeded source. */
export type Random = () => number;

export const oneOf = <T>(random: Random, choices: readonly T[]): T => choices[Math.floor(random() * choices.length)]!;

export function weighed<T>(random: Random, choices: readonly (readonly [weight: number, choice: T])[]): T {
  let at = random() * choices.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, choice] of choices) {
    at -= weight;
    if (at < 0) return choice;
  }
  return choices.at(-1)![1];
}

/** Fisher and Yates. */
export function shuffled<T>(random: Random, given: readonly T[]): T[] {
  const cards = [...given];
  for (let left = cards.length - 1; left > 0; left--) {
    const at = Math.floor(random() * (left + 1));
    [cards[left], cards[at]] = [cards[at]!, cards[left]!];
  }
  return cards;
}
