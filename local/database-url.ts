/** The database that a command works on. Ends the process with one sentence when none is named. */
export function databaseUrlFromEnvironment(): string {
  const url = process.env.DATABASE_URL;
  if (url && /^postgres(ql)?:\/\//.test(url)) return url;
  console.error("Set DATABASE_URL to the database's address, such as postgres://user:password@host/catalyst.");
  process.exit(1);
}
