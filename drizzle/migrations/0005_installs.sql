ALTER TABLE "servers" ADD COLUMN "wipe_generation" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "servers" ADD COLUMN "image_refresh_at" bigint DEFAULT 0 NOT NULL;