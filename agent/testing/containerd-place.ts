/** Where another containerd than the environment's is. */
export interface ContainerdPlace {
  address: string;
  data_root: string;
  cni_path: string;
  cni_netconfpath: string;
}
