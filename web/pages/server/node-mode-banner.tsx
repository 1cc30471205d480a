import { Construction } from "lucide-react";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import { Banner } from "../../components/banner.tsx";
import { TimeAgo } from "../../components/time-ago.tsx";

/** Tells the users of a server that its node is under maintenance, and what becomes of the server. */
export function NodeModeBanner({ server }: { server: ServerDetail }) {
  if (server.nodeMode !== "maintenance") return null;
  return (
    <Banner
      icon={Construction}
      className="mt-4"
      title={
        <>
          {server.nodeName} is under maintenance{server.nodeModeSetAt && ", which began "}
          {server.nodeModeSetAt && <TimeAgo at={server.nodeModeSetAt} />}.
        </>
      }
    >
      {server.nodeModeReason && (
        <p className="whitespace-pre-line break-words text-foreground">{server.nodeModeReason}</p>
      )}
      <p>
        {server.desiredPower === "running"
          ? "Your server is stopped meanwhile and is started again afterwards."
          : "Your server cannot be started until that is over."}
      </p>
    </Banner>
  );
}
