CREATE EXTENSION IF NOT EXISTS btree_gist;
--> statement-breakpoint
-- Whether a pool may give this address to a server: one single address inside the range, not the range's own first
-- (nor, in IPv4, last) one, not the gateway, and in no exclusion.
CREATE FUNCTION ip_is_usable(ip inet, range cidr, gateway inet, excluded_from inet[], excluded_to inet[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT family(ip) = family(range)
		AND masklen(ip) = CASE family(ip) WHEN 4 THEN 32 ELSE 128 END
		AND ip << range
		AND host(ip) <> host(range)
		AND (family(ip) = 6 OR host(ip) <> host(broadcast(range)))
		AND ip IS DISTINCT FROM gateway
		AND NOT EXISTS (SELECT FROM unnest(excluded_from, excluded_to) e(first, last) WHERE ip BETWEEN e.first AND e.last)
$$;
--> statement-breakpoint
UPDATE "allocations" SET "ip" = host("ip"::inet) WHERE "ip" <> host("ip"::inet);
--> statement-breakpoint
UPDATE "nodes" SET "bind_address" = host("bind_address"::inet) WHERE "bind_address" <> host("bind_address"::inet);
--> statement-breakpoint
CREATE TABLE "ip_pools" (
	"id" text PRIMARY KEY NOT NULL,
	"node_id" text NOT NULL,
	"name" text NOT NULL,
	"kind" text NOT NULL,
	"parent" text,
	"cidr" "cidr" NOT NULL,
	"gateway" "inet" NOT NULL,
	"excluded_from" "inet"[] DEFAULT '{}' NOT NULL,
	"excluded_to" "inet"[] DEFAULT '{}' NOT NULL,
	"is_isolated" boolean DEFAULT true NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "ip_pools_kind" CHECK ("ip_pools"."kind" in ('bridge', 'macvlan')),
	CONSTRAINT "ip_pools_parent" CHECK (("ip_pools"."kind" = 'macvlan') = ("ip_pools"."parent" is not null)),
	CONSTRAINT "ip_pools_exclusions" CHECK (cardinality("ip_pools"."excluded_from") = cardinality("ip_pools"."excluded_to")),
	CONSTRAINT "ip_pools_size" CHECK (masklen("ip_pools"."cidr") <= case family("ip_pools"."cidr") when 4 then 30 else 126 end and masklen("ip_pools"."cidr") >= 8),
	CONSTRAINT "ip_pools_gateway" CHECK (ip_is_usable("ip_pools"."gateway", "ip_pools"."cidr", null, '{}', '{}'))
);
--> statement-breakpoint
CREATE TABLE "pool_addresses" (
	"pool_id" text NOT NULL,
	"ip" "inet" NOT NULL,
	"server_id" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "pool_addresses_pool_id_ip_pk" PRIMARY KEY("pool_id","ip")
);
--> statement-breakpoint
ALTER TABLE "servers" DROP CONSTRAINT "servers_network_mode";--> statement-breakpoint
ALTER TABLE "allocations" ADD COLUMN "server_version" bigint;--> statement-breakpoint
ALTER TABLE "server_observed" ADD COLUMN "run_spec_version" bigint;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "network_version" bigint DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "allocation_limit" integer DEFAULT 10 NOT NULL;--> statement-breakpoint
ALTER TABLE "ip_pools" ADD CONSTRAINT "ip_pools_node_id_nodes_id_fk" FOREIGN KEY ("node_id") REFERENCES "public"."nodes"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "pool_addresses" ADD CONSTRAINT "pool_addresses_pool_id_ip_pools_id_fk" FOREIGN KEY ("pool_id") REFERENCES "public"."ip_pools"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "pool_addresses" ADD CONSTRAINT "pool_addresses_server_id_servers_id_fk" FOREIGN KEY ("server_id") REFERENCES "public"."servers"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "ip_pools_node_name_key" ON "ip_pools" USING btree ("node_id","name");--> statement-breakpoint
CREATE UNIQUE INDEX "pool_addresses_server_key" ON "pool_addresses" USING btree ("server_id");--> statement-breakpoint
ALTER TABLE "allocations" ADD CONSTRAINT "allocations_ip_canonical" CHECK ("allocations"."ip" = host("allocations"."ip"::inet));--> statement-breakpoint
ALTER TABLE "servers" ADD CONSTRAINT "servers_allocation_limit_positive" CHECK ("servers"."allocation_limit" > 0);--> statement-breakpoint
ALTER TABLE "servers" ADD CONSTRAINT "servers_network_mode" CHECK ("servers"."network_mode" in ('bridge', 'host', 'pool'));
--> statement-breakpoint
ALTER TABLE "ip_pools" ADD CONSTRAINT "ip_pools_no_overlap" EXCLUDE USING gist ("node_id" WITH =, "cidr" inet_ops WITH &&);
--> statement-breakpoint
-- The pool's row is locked until the end, so that it cannot change between the look and the insert.
CREATE FUNCTION require_usable_pool_address() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	pool ip_pools;
BEGIN
	SELECT * INTO pool FROM ip_pools WHERE id = NEW.pool_id FOR SHARE;
	IF pool.id IS NULL THEN
		RETURN NEW; -- The foreign key refuses it.
	END IF;
	IF NOT ip_is_usable(NEW.ip, pool.cidr, pool.gateway, pool.excluded_from, pool.excluded_to) THEN
		RAISE EXCEPTION 'the pool does not give this address' USING ERRCODE = '23514', CONSTRAINT = 'pool_addresses_usable';
	END IF;
	IF NOT EXISTS (SELECT FROM servers WHERE id = NEW.server_id AND node_id = pool.node_id) THEN
		RAISE EXCEPTION 'the pool is of another node' USING ERRCODE = '23514', CONSTRAINT = 'pool_addresses_same_node';
	END IF;
	RETURN NEW;
END
$$;
--> statement-breakpoint
CREATE TRIGGER pool_addresses_usable BEFORE INSERT OR UPDATE ON "pool_addresses"
FOR EACH ROW EXECUTE FUNCTION require_usable_pool_address();
--> statement-breakpoint
CREATE FUNCTION require_addresses_in_use_stay_usable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (
		SELECT FROM pool_addresses a WHERE a.pool_id = NEW.id
			AND NOT ip_is_usable(a.ip, NEW.cidr, NEW.gateway, NEW.excluded_from, NEW.excluded_to)
	) THEN
		RAISE EXCEPTION 'servers use addresses of this pool' USING ERRCODE = '23P01', CONSTRAINT = 'ip_pools_addresses_stay_usable';
	END IF;
	RETURN NEW;
END
$$;
--> statement-breakpoint
CREATE TRIGGER ip_pools_addresses_stay_usable BEFORE UPDATE ON "ip_pools"
FOR EACH ROW EXECUTE FUNCTION require_addresses_in_use_stay_usable();
