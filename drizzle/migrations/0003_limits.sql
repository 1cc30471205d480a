ALTER TABLE "nodes" ADD COLUMN "disk_overcommit" double precision DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "server_observed" ADD COLUMN "pending_restart" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "memory_headroom_mb" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "has_own_headroom" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "swap_mb" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "cpu_pinning" text;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "io_weight" integer;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "open_files_limit" integer DEFAULT 65536 NOT NULL;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "stop_timeout_seconds" integer;--> statement-breakpoint
ALTER TABLE "servers" ADD CONSTRAINT "servers_more_limits" CHECK ("servers"."memory_headroom_mb" >= 0 and "servers"."swap_mb" >= 0 and "servers"."open_files_limit" > 0 and ("servers"."io_weight" is null or "servers"."io_weight" between 10 and 1000) and ("servers"."stop_timeout_seconds" is null or "servers"."stop_timeout_seconds" > 0));