/** Does it again when it failed, as the pipeline's tasks do. @throws what it throws the last time */
export async function again<T>(work: () => Promise<T>, tries = 10): Promise<T> {
  for (let left = tries - 1; ; left -= 1) {
    try {
      return await work();
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}
