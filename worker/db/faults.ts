import { Refusal } from "../errors.ts";

/** What Postgres said, out of either shape in which the driver and drizzle throw it. */
export interface DatabaseFault {
  /** Five-character SQLSTATE. */
  sqlState: string;
  constraint: string | null;
}

/**
 * Finds Postgres's answer in an error: drizzle wraps a failed single statement (the code sits on `cause`), but a
 * failed batch throws the driver's own error.
 */
export function databaseFault(error: unknown): DatabaseFault | null {
  for (const candidate of [error, (error as { cause?: unknown } | null)?.cause]) {
    if (typeof candidate !== "object" || candidate === null) continue;
    const { code, constraint } = candidate as { code?: unknown; constraint?: unknown };
    if (typeof code === "string" && /^[0-9A-Z]{5}$/.test(code)) {
      return { sqlState: code, constraint: typeof constraint === "string" ? constraint : null };
    }
  }
  return null;
}

/** Whether the error is a broken unique constraint, of this name if one is given. */
export function isDuplicate(error: unknown, constraint?: string): boolean {
  const fault = databaseFault(error);
  return fault?.sqlState === "23505" && (constraint === undefined || fault.constraint === constraint);
}

const CONFLICT_SENTENCES: Record<string, string> = {
  users_email_key: "This e-mail address is already in use.",
  users_username_key: "This user name is already taken.",
  locations_name_key: "A location of this name already exists.",
  locations_pkey: "A location with this id already exists.",
  nodes_name_key: "A node of this name already exists.",
  nodes_pkey: "A node with this id already exists.",
  nodes_location_id_locations_id_fk: "This location does not exist or still has nodes.",
  servers_node_id_nodes_id_fk: "This node still has servers.",
  servers_template_id_templates_id_fk: "This template is in use by servers.",
  templates_pkey: "A template with this id already exists.",
  ip_pools_node_name_key: "The node has a pool of this name already.",
  ip_pools_no_overlap: "This range overlaps another pool of the node.",
  ip_pools_addresses_stay_usable: "Servers use addresses that would not be the pool's any more.",
  pool_addresses_pool_id_ip_pk: "This address of the pool is taken.",
  pool_addresses_server_key: "The server has an address of a pool already.",
  pool_addresses_pool_id_ip_pools_id_fk: "Servers use this pool.",
  allocations_node_ip_port_key: "This port is already among the node's allocations.",
};

const CHECK_SENTENCES: Record<string, string> = {
  ip_pools_gateway: "gateway: is not an address that a gateway of this range can have.",
  pool_addresses_usable: "The pool does not give this address.",
};

const isDriverError = (error: unknown) => error instanceof Error && /Neon|Drizzle/.test(error.name);

/** Turns a failure of the database into a refusal, or returns null when it is not one of the database's. */
export function refusalOfDatabase(error: unknown): Refusal | null {
  const fault = databaseFault(error);
  if (fault) {
    const internal = `SQLSTATE ${fault.sqlState}${fault.constraint ? ` on ${fault.constraint}` : ""}`;
    const sentence = CONFLICT_SENTENCES[fault.constraint ?? ""];
    const checkSentence = CHECK_SENTENCES[fault.constraint ?? ""];
    switch (fault.sqlState) {
      case "23505":
      case "23P01":
      case "23503":
        return new Refusal("CONFLICT", sentence ?? "This conflicts with something that exists.", { internal });
      case "23514":
      case "22003":
        return new Refusal("VALIDATION", checkSentence ?? "A value is outside what is allowed.", { internal });
      case "22021":
      case "22P05":
        return new Refusal("VALIDATION", "Text must not contain NUL characters.", { internal });
      case "40001":
      case "40P01":
        return new Refusal("CONFLICT", "Somebody changed the same thing at the same time. Try again.", { internal });
      default:
        // Connection trouble, no resources, a shutdown, a wrong password or name: all of it is "not now".
        if (/^(08|28|3D|53|57)/.test(fault.sqlState)) return unavailable(internal);
        return null;
    }
  }
  const cause = (error as { cause?: unknown } | null)?.cause;
  if (isDriverError(error) || isDriverError(cause)) return unavailable("the database could not be reached");
  return null;
}

const unavailable = (internal: string) =>
  new Refusal("DATABASE_UNAVAILABLE", "The database cannot be reached at the moment.", {
    internal,
    retryAfterSeconds: 2,
  });
