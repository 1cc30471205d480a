ALTER TABLE "nodes" ADD COLUMN "findings" jsonb;--> statement-breakpoint
ALTER TABLE "nodes" ADD COLUMN "machine" jsonb;--> statement-breakpoint
ALTER TABLE "nodes" ADD COLUMN "findings_at" timestamp with time zone;