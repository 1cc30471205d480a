import { useState } from "react";
import { toast } from "sonner";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import type { NetworkMode } from "../../../protocol/network.ts";
import { usePools, useSetNetwork } from "../../api/network.ts";
import { formFailure } from "../../components/form-failure.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Card, CardBody, CardHeader } from "../../components/ui/card.tsx";
import { Field } from "../../components/ui/field.tsx";
import { Input } from "../../components/ui/input.tsx";
import { Select } from "../../components/ui/select.tsx";

export const NETWORK_WORDS: Record<NetworkMode, string> = {
  bridge: "Private network of its owner",
  host: "The node's own network",
  pool: "An address of a pool",
};
const MODES = Object.entries(NETWORK_WORDS).map(([value, label]) => ({ value, label }));

/** Which network the server is in; administrators may choose another. */
export function NetworkModeCard({ server, mayChange }: { server: ServerDetail; mayChange: boolean }) {
  const [mode, setMode] = useState<NetworkMode>(server.networkMode);
  const [poolId, setPoolId] = useState(server.pool?.id ?? "");
  const [poolIp, setPoolIp] = useState(server.pool?.ip ?? "");
  const pools = usePools(server.nodeId, mayChange).data?.items ?? [];
  const change = useSetNetwork(server.id);
  const save = () =>
    change.mutate(
      { networkMode: mode, ...(mode === "pool" ? { poolId, ...(poolIp ? { poolIp } : {}) } : {}) },
      { onSuccess: () => toast.success("The network was changed.") },
    );
  const { notice, errorAt } = formFailure(change.error);
  return (
    <Card aria-label="Network">
      <CardHeader
        title="Network"
        description={`${NETWORK_WORDS[server.networkMode]}${server.pool ? `: ${server.pool.ip} of ${server.pool.name}` : ""}. Servers of other owners reach its published ports alone.`}
      />
      {mayChange && (
        <CardBody className="grid gap-4 sm:grid-cols-3">
          <Field label="Mode" error={errorAt("networkMode")}>
            <Select value={mode} onValueChange={(value) => setMode(value as NetworkMode)} options={MODES} />
          </Field>
          {mode === "pool" && (
            <>
              <Field label="Pool" error={errorAt("poolId")}>
                <Select
                  value={poolId}
                  onValueChange={setPoolId}
                  placeholder={pools.length === 0 ? "The node has none" : "Choose"}
                  options={pools.map((pool) => ({ value: pool.id, label: `${pool.name} (${pool.cidr})` }))}
                />
              </Field>
              <Field label="Address" optional hint="Empty: the next free one" error={errorAt("poolIp")}>
                <Input
                  value={poolIp}
                  onChange={(event) => setPoolIp(event.target.value.trim())}
                  className="font-mono"
                />
              </Field>
            </>
          )}
          {notice && <div className="sm:col-span-3">{notice}</div>}
          <div className="flex items-end sm:col-span-3">
            <Button busy={change.isPending} disabled={mode === "pool" && poolId === ""} onClick={save}>
              Change network
            </Button>
          </div>
        </CardBody>
      )}
    </Card>
  );
}
