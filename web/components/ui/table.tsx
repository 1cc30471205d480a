import type { ComponentProps } from "react";
import { cn } from "./class-names.ts";

/** A plain table that scrolls sideways inside its card; being positioned it keeps hidden labels inside, too. */
export function Table({ className, ...rest }: ComponentProps<"table">) {
  return (
    <div className="relative overflow-x-auto">
      <table className={cn("w-full text-left text-sm", className)} {...rest} />
    </div>
  );
}

export function HeadCell({ className, ...rest }: ComponentProps<"th">) {
  return (
    <th
      scope="col"
      className={cn("whitespace-nowrap border-b px-5 py-2.5 font-medium text-subtle text-xs", className)}
      {...rest}
    />
  );
}

export function Cell({ className, ...rest }: ComponentProps<"td">) {
  return <td className={cn("border-b px-5 py-3 align-middle [tr:last-child>&]:border-b-0", className)} {...rest} />;
}
