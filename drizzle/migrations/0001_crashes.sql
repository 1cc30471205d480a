CREATE TABLE "server_crashes" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "server_crashes_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"server_id" text NOT NULL,
	"crash_id" text NOT NULL,
	"crashed_at" timestamp with time zone NOT NULL,
	"exit_code" integer,
	"signal" text,
	"oom_killed" boolean NOT NULL,
	"run_time_ms" bigint,
	"crash_count" integer NOT NULL,
	"restart_at" timestamp with time zone,
	"last_lines" text NOT NULL
);
--> statement-breakpoint
ALTER TABLE "server_observed" ADD COLUMN "restart_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "restart_policy" text DEFAULT 'on-failure' NOT NULL;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "max_crashes" integer DEFAULT 5 NOT NULL;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "crash_window_seconds" integer DEFAULT 600 NOT NULL;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "crash_reset_at" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "server_crashes" ADD CONSTRAINT "server_crashes_server_id_servers_id_fk" FOREIGN KEY ("server_id") REFERENCES "public"."servers"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "server_crashes_crash_key" ON "server_crashes" USING btree ("server_id","crash_id");--> statement-breakpoint
CREATE INDEX "server_crashes_server_idx" ON "server_crashes" USING btree ("server_id","id");--> statement-breakpoint
ALTER TABLE "servers" ADD CONSTRAINT "servers_restart_policy" CHECK ("servers"."restart_policy" in ('always', 'on-failure', 'never'));--> statement-breakpoint
ALTER TABLE "servers" ADD CONSTRAINT "servers_crash_limit_positive" CHECK ("servers"."max_crashes" > 0 and "servers"."crash_window_seconds" > 0);