// What a poison job does to the process that it runs in.

export const misdeeds = ['exit', 'signal', 'loop', 'memory'] as const
export type Misdeed = (typeof misdeeds)[number]

const pieceBytes = 64 * 1024 * 1024

/** Does not come back. */
export async function misbehave(misdeed: Misdeed): Promise<void> {
  if (misdeed === 'exit') process.exit(1)
  if (misdeed === 'signal') process.kill(process.pid, 'SIGSEGV')
  if (misdeed === 'loop') for (;;);
  // The heap that the process was started with (processes.ts) is soon full; buffers would be outside of it.
  const pieces: number[][] = []
  for (;;) pieces.push(new Array(pieceBytes / 8).fill(pieces.length + 0.5))
}
