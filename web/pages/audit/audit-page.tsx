import { Page } from "../../components/page.tsx";
export default function X() {
  return <Page title="-">-</Page>;
}
