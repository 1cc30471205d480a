import { cva, type VariantProps } from "class-variance-authority";
import { LoaderCircle } from "lucide-react";
import { Slot } from "radix-ui";
import type { ComponentProps } from "react";
import { cn } from "./class-names.ts";

export const buttonStyle = cva(
  "inline-flex shrink-0 select-none items-center justify-center gap-2 whitespace-nowrap rounded-lg font-medium transition-colors disabled:pointer-events-none disabled:opacity-45 aria-disabled:cursor-not-allowed aria-disabled:opacity-45 [&_svg]:size-4 [&_svg]:shrink-0",
  {
    variants: {
      variant: {
        primary: "bg-accent text-on-accent shadow-card hover:bg-accent-strong",
        secondary: "border border-input bg-raised text-foreground shadow-card hover:bg-muted",
        ghost: "text-subtle hover:bg-muted hover:text-foreground",
        danger: "bg-danger text-white shadow-card hover:opacity-90 dark:text-black",
        "danger-outline": "border border-input bg-raised text-danger shadow-card hover:bg-danger-soft",
        success: "bg-success text-white shadow-card hover:opacity-90 dark:text-black",
        link: "h-auto! p-0! text-accent-text underline-offset-4 hover:underline",
      },
      size: {
        small: "h-8 px-3 text-[13px]",
        medium: "h-9 px-3.5 text-sm",
        large: "h-10 px-4 text-sm",
        icon: "size-9",
        "icon-small": "size-8",
      },
    },
    defaultVariants: { variant: "secondary", size: "medium" },
  },
);

interface ButtonProps extends ComponentProps<"button">, VariantProps<typeof buttonStyle> {
  /** Renders the only child with the button's looks, for links. */
  asChild?: boolean;
  /** Shows a spinner and takes no clicks. */
  busy?: boolean;
}

export function Button({ variant, size, asChild, busy, className, children, disabled, type, ...rest }: ButtonProps) {
  const style = cn(buttonStyle({ variant, size }), className);
  if (asChild) {
    return (
      <Slot.Root className={style} {...rest}>
        {children}
      </Slot.Root>
    );
  }
  return (
    <button
      type={type ?? "button"}
      className={style}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      {...rest}
    >
      {busy && <LoaderCircle className="animate-spin" aria-hidden />}
      {children}
    </button>
  );
}
