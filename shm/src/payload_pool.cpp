#include <hawser/shm/payload_pool.hpp>

namespace hawser::shm {

std::shared_ptr<detail::pool_core> payload_pool::make(detail::opening how, std::string_view name,
                                                      const payload_pool_options& options) {
  detail::pool_request request;
  request.name = name;
  request.how = how;
  for (const payload_class& c : options.classes)
    request.classes.push_back({.bytes = c.bytes, .stride = 0, .chunks = c.chunks, .data = 0});
  request.references = options.references;
  request.large = options.large;
  request.large_kept_bytes = options.large_kept_bytes;
  request.read_only = options.read_only_payloads;
  request.mode = options.mode;
  request.keep = options.keep;
  return std::make_shared<detail::pool_core>(request);
}

payload_pool_counters payload_pool::counters() const {
  const auto& pool = core_->layout();
  const auto& all = core_->geometry();
  payload_pool_counters counts;
  counts.loans = pool.loans.load(std::memory_order_relaxed);
  counts.shares = pool.shares.load(std::memory_order_relaxed);
  counts.reclaimed = pool.reclaimed.load(std::memory_order_relaxed);
  counts.stale = pool.stale.load(std::memory_order_relaxed);
  counts.waits = pool.waits.load(std::memory_order_relaxed);
  for (std::uint32_t c = 0; c < all.classes; ++c) {
    const auto chunks = static_cast<std::uint32_t>(all.of_class[c].chunks);
    counts.classes.push_back({all.of_class[c].bytes, chunks, core_->in_use(all.first[c], chunks)});
  }
  counts.classes.push_back({0, all.large, core_->in_use(all.chunks, all.large)});
  counts.references_in_use = core_->references_in_use(all.homes(), all.references());
  // A release counts nothing: what was made and is neither held nor reclaimed, was released.
  const std::uint64_t others = core_->references_in_use(0, all.references()) + counts.reclaimed;
  const std::uint64_t made = counts.loans + counts.shares;
  counts.releases = made > others ? made - others : 0;
  return counts;
}

}  // namespace hawser::shm
