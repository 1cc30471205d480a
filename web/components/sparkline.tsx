/** A small chart of the last measurements; its figures are written beside it, so it is decoration to a screen reader. */
export function Sparkline({
  values,
  max,
  capacity,
  className,
}: {
  /** Oldest first. */
  values: readonly number[];
  /** The value at the top edge; without it, the greatest one seen. */
  max?: number | undefined;
  /** How many measurements fill the width. */
  capacity: number;
  className?: string;
}) {
  const top = Math.max(max ?? 0, max ? 0 : Math.max(1, ...values) * 1.15, 1e-9);
  const step = 100 / Math.max(1, capacity - 1);
  const first = 100 - (values.length - 1) * step;
  const points = values.map((value, index) => {
    const y = 31 - Math.min(1, value / top) * 29;
    return `${(first + index * step).toFixed(2)},${y.toFixed(2)}`;
  });
  return (
    <svg viewBox="0 0 100 32" preserveAspectRatio="none" aria-hidden="true" className={className}>
      {points.length > 1 && (
        <>
          <polygon points={`${first.toFixed(2)},32 ${points.join(" ")} 100,32`} className="fill-accent opacity-12" />
          <polyline
            points={points.join(" ")}
            fill="none"
            className="stroke-accent"
            strokeWidth="1.5"
            strokeLinejoin="round"
            vectorEffect="non-scaling-stroke"
          />
        </>
      )}
    </svg>
  );
}
