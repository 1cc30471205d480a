/** The mark and the name. */
export function Logo() {
  return (
    <span className="flex items-center gap-2.5">
      <svg viewBox="0 0 32 32" className="size-7" aria-hidden="true">
        <rect width="32" height="32" rx="8" className="fill-accent" />
        <path
          d="M16 6.5 24.5 11.3v9.4L16 25.5 7.5 20.7v-9.4Z"
          fill="none"
          stroke="white"
          strokeWidth="2.2"
          strokeLinejoin="round"
        />
        <circle cx="16" cy="16" r="3.2" fill="white" />
      </svg>
      <span className="font-semibold text-[17px] tracking-[-0.02em]">Catalyst</span>
    </span>
  );
}
