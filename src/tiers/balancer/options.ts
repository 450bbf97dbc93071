// What a balancer does by itself, beside the settings of the topology (contract.ts, Upstreams). What it may take, wait for
// and keep on the wire is in net/http1/limits.ts.

export interface BalancerOptions {
  /** One health check, from connecting to its status line. */
  healthTimeoutMs: number
  /** Retries per request, on average: each request adds so much to the budget, each retry takes 1. */
  retryBudgetRatio: number
  /** The most that the budget holds, and what it starts with: all requests that one dying server may have had. */
  retryBudgetBurst: number
  /** What an answer 502, 503 or 504 of ours tells the client to wait. */
  retryAfterSeconds: number
}

export const defaultBalancerOptions: BalancerOptions = {
  healthTimeoutMs: 1000,
  retryBudgetRatio: 0.2,
  retryBudgetBurst: 1024,
  retryAfterSeconds: 1,
}
