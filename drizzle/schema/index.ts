export { apiKeys } from "./api-keys.ts";
export { auditLog } from "./audit-log.ts";
export { idempotencyKeys } from "./idempotency-keys.ts";
export { deploymentTokens, locations, nodeCredentials, nodes } from "./nodes.ts";
export { roles } from "./roles.ts";
export { serverCrashes } from "./server-crashes.ts";
export { allocations, grants, serverObserved, servers } from "./servers.ts";
export { templates } from "./templates.ts";
export { loginAttempts, sessions, userRoles, users } from "./users.ts";
