ALTER TABLE "nodes" ADD COLUMN "mode" text DEFAULT 'active' NOT NULL;--> statement-breakpoint
ALTER TABLE "nodes" ADD COLUMN "mode_set_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "nodes" ADD COLUMN "mode_set_by" text;--> statement-breakpoint
ALTER TABLE "nodes" ADD COLUMN "mode_set_by_name" text;--> statement-breakpoint
ALTER TABLE "nodes" ADD COLUMN "mode_reason" text;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "suspended_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "suspended_by" text;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "suspended_by_name" text;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "suspend_reason" text;--> statement-breakpoint
ALTER TABLE "nodes" ADD CONSTRAINT "nodes_mode" CHECK ("nodes"."mode" in ('active', 'draining', 'maintenance'));