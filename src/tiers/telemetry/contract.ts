// What the app itself may tell: business figures. Tiers do not call telemetry; they publish on base/channels.ts.

/** What apps hold. Calls return at once; figures are stored within a second and on a clean stop. */
export interface Kpi {
  /** Adds to a counter of the day: `kpi.count('revenue.cents', 499)`. */
  count(name: string, value?: number): void
  /** Someone was here: daily, weekly and monthly active users are counted from it. */
  active(userId: string): void
}

/** Where figures are kept: the first shard of the database. A statement fails as one or not at all. */
export interface KpiHome {
  query<Row>(text: string, values?: readonly unknown[]): Promise<Row[]>
}
