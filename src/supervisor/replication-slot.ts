// The name of the replication slot that keeps a replica's WAL on its primary: letters, digits and underscores only.

export function slotNameOf(nodeId: string): string {
  return nodeId.replace(/[^a-z0-9]/g, '_')
}
