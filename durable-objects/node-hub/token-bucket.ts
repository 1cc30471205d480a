/** How often something may happen: so many times at once, and then so many times a second. Pure. */
export interface Bucket {
  tokens: number;
  /** When it held so many, in milliseconds. */
  at: number;
}

export interface BucketRules {
  burst: number;
  perSecond: number;
}

/** What the bucket holds now; a new one is full. A clock that went back fills nothing. */
export function refilled(bucket: Bucket | null, { burst, perSecond }: BucketRules, now: number): Bucket {
  if (!bucket) return { tokens: burst, at: now };
  const earned = (Math.max(0, now - bucket.at) / 1000) * perSecond;
  return { tokens: Math.min(burst, bucket.tokens + earned), at: now };
}

/** One token less, or null when there is none. */
export function spend(bucket: Bucket): Bucket | null {
  return bucket.tokens >= 1 ? { ...bucket, tokens: bucket.tokens - 1 } : null;
}
