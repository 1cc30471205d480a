import { expect, it } from "vitest";
import type { ServerDetail } from "../../../protocol/api/servers.ts";
import { limitChanges } from "./limit-changes.ts";

const server = {
  allocatedMemoryMb: 2048,
  allocatedCpuCores: 1.5,
  allocatedDiskMb: 1000,
  memoryHeadroomMb: 308,
  hasOwnHeadroom: false,
  swapMb: 0,
  cpuPinning: null,
  ioWeight: null,
  pidsLimit: 512,
  openFilesLimit: 1024,
  stopTimeoutSeconds: null,
} as ServerDetail;

const form = (change: Record<string, string> = {}) => {
  const data = new FormData();
  const fields = {
    allocatedMemoryMb: "2048",
    allocatedCpuCores: "1.5",
    allocatedDiskMb: "1000",
    memoryHeadroomMb: "",
    swapMb: "0",
    cpuPinning: "",
    ioWeight: "",
    pidsLimit: "512",
    openFilesLimit: "1024",
    stopTimeoutSeconds: "",
    ...change,
  };
  for (const [name, value] of Object.entries(fields)) data.set(name, value);
  return data;
};

it("asks for nothing when nothing was changed", () => {
  expect(limitChanges(form(), server, true)).toEqual({});
});

it("asks for what differs alone", () => {
  const typed = form({
    allocatedMemoryMb: " 4096 ",
    cpuPinning: "0-1",
    stopTimeoutSeconds: "90",
    memoryHeadroomMb: "0",
  });
  expect(limitChanges(typed, server, true)).toEqual({
    allocatedMemoryMb: 4096,
    cpuPinning: "0-1",
    stopTimeoutSeconds: 90,
    memoryHeadroomMb: 0,
  });
});

it("gives back what is emptied", () => {
  const own = { ...server, hasOwnHeadroom: true, cpuPinning: "0", ioWeight: 50, stopTimeoutSeconds: 9 };
  expect(limitChanges(form(), own, true)).toEqual({
    memoryHeadroomMb: null,
    cpuPinning: null,
    ioWeight: null,
    stopTimeoutSeconds: null,
  });
});

it("asks for nothing that is an administrator's when somebody else saves", () => {
  expect(limitChanges(form({ swapMb: "99", ioWeight: "20", pidsLimit: "64" }), server, false)).toEqual({
    pidsLimit: 64,
  });
});
