import { Network, Plus } from "lucide-react";
import { useSearchParams } from "react-router";
import { can, useMe } from "../../api/account.ts";
import { useNodes } from "../../api/nodes.ts";
import { EmptyState } from "../../components/empty-state.tsx";
import { FailureNotice } from "../../components/failure-notice.tsx";
import { Page } from "../../components/page.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Card } from "../../components/ui/card.tsx";
import { Skeleton } from "../../components/ui/skeleton.tsx";
import { NodeCard } from "../dashboard/node-strip.tsx";
import { AddNodeDialog } from "./add-node-dialog.tsx";
import { UpdateAll } from "./update-all.tsx";

export default function NodesPage() {
  const me = useMe().data;
  const nodes = useNodes();
  const [parameters, setParameters] = useSearchParams();
  const adding = parameters.has("add");
  const setAdding = (open: boolean) => setParameters(open ? { add: "" } : {}, { replace: true });
  const addButton = can(me, "node.create") && (
    <Button variant="primary" onClick={() => setAdding(true)}>
      <Plus aria-hidden /> Add a node
    </Button>
  );
  const isEmpty = nodes.data?.items.length === 0;
  return (
    <Page
      title="Nodes"
      description="The machines that run your game servers."
      actions={
        nodes.data &&
        !isEmpty && (
          <>
            {can(me, "node.update") && <UpdateAll nodes={nodes.data.items} />}
            {addButton}
          </>
        )
      }
    >
      {nodes.isError && !nodes.data && <FailureNotice error={nodes.error} onRetry={() => void nodes.refetch()} />}
      {nodes.isPending && (
        <div className="grid grid-cols-1 gap-4 sm:grid-cols-2 lg:grid-cols-3">
          <Skeleton className="h-44 rounded-xl" />
          <Skeleton className="h-44 rounded-xl" />
        </div>
      )}
      {isEmpty && (
        <Card>
          <EmptyState icon={Network} title="No nodes yet" action={addButton}>
            A node is a Linux machine of yours: a rented box, or the PC under the desk. It dials out to Catalyst, so no
            port has to be opened for managing it.
          </EmptyState>
        </Card>
      )}
      <ul className="grid grid-cols-1 gap-4 sm:grid-cols-2 lg:grid-cols-3">
        {nodes.data?.items.map((node) => (
          <li key={node.id}>
            <NodeCard node={node} />
          </li>
        ))}
      </ul>
      <AddNodeDialog open={adding} onOpenChange={setAdding} />
    </Page>
  );
}
