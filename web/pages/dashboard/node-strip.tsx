import { Link } from "react-router";
import type { Node } from "../../../protocol/api/nodes.ts";
import { formatMb } from "../../components/formatting.ts";
import { Meter } from "../../components/meter.tsx";
import { NodeBadge } from "../../components/state-badge.tsx";
import { Card } from "../../components/ui/card.tsx";
import { UpdateBadge } from "../nodes/agent-update.tsx";
import { FindingsBadge } from "../nodes/findings-card.tsx";

/** The machines behind the servers: which are there, and how much of each is promised. */
export function NodeStrip({ nodes }: { nodes: readonly Node[] }) {
  return (
    <section aria-labelledby="nodes-heading" className="mt-10">
      <div className="mb-3 flex items-baseline justify-between">
        <h2 id="nodes-heading" className="font-semibold text-[15px]">
          Nodes
        </h2>
        <Link to="/nodes" className="rounded text-accent-text text-sm hover:underline">
          All nodes
        </Link>
      </div>
      <ul className="grid grid-cols-1 gap-4 sm:grid-cols-2 lg:grid-cols-3">
        {nodes.slice(0, 6).map((node) => (
          <li key={node.id}>
            <NodeCard node={node} />
          </li>
        ))}
      </ul>
    </section>
  );
}

export function NodeCard({ node }: { node: Node }) {
  return (
    <Card className="relative px-5 py-4 transition-colors hover:border-input">
      <div className="mb-1 flex flex-wrap items-center justify-between gap-x-3 gap-y-1">
        <Link
          to={`/nodes/${node.id}`}
          className="min-w-24 max-w-full flex-1 truncate font-medium text-[15px] after:absolute after:inset-0 focus-visible:after:rounded-xl focus-visible:after:outline-2 focus-visible:after:outline-accent"
        >
          {node.name}
        </Link>
        <span className="flex min-w-0 items-center gap-1.5">
          <FindingsBadge counts={node.findingCounts} />
          <NodeBadge isOnline={node.isOnline} isEnrolled={node.isEnrolled} mode={node.mode} />
        </span>
      </div>
      <div className="mb-4 flex items-center justify-between gap-3">
        <p className="truncate text-[13px] text-subtle">
          {node.publicAddress} · {node.serverCount} {node.serverCount === 1 ? "server" : "servers"}
        </p>
        <UpdateBadge node={node} />
      </div>
      <div className="space-y-3">
        <Meter
          label="Memory promised"
          value={node.allocatedMemoryMb}
          max={node.maxMemoryMb * node.memoryOvercommit}
          text={`${formatMb(node.allocatedMemoryMb)} of ${formatMb(node.maxMemoryMb * node.memoryOvercommit)}`}
        />
        <Meter
          label="CPU promised"
          value={node.allocatedCpuCores}
          max={node.maxCpuCores * node.cpuOvercommit}
          text={`${Number(node.allocatedCpuCores.toFixed(1))} of ${Number((node.maxCpuCores * node.cpuOvercommit).toFixed(1))} cores`}
        />
      </div>
    </Card>
  );
}
