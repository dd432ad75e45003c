#include <hawser/shm/detail/pool_core.hpp>
#include <hawser/shm/detail/queue_core.hpp>
#include <hawser/shm/error.hpp>

#include <algorithm>

namespace hawser::shm::detail {

std::optional<held_payload> pool_core::try_loan(std::size_t bytes, const deadline& until) {
  if (read_only_)
    throw make_error(errc::not_supported, "loan from payload pool", name_,
                     "it was opened with read_only_payloads; open it without");
  const std::uint32_t a_class = class_for(bytes);
  if (a_class == all_.classes && (all_.large == 0 || bytes > large_stride))
    throw make_error(errc::too_large, "loan from payload pool", name_,
                     std::to_string(bytes) +
                         (all_.large == 0 ? " bytes are more than its largest chunks have; "
                                            "create it with a larger class, or with large > 0"
                                          : " bytes are more than any loan may have; loan less"));
  auto held = take_free(a_class, until);
  if (!held) {
    channel_.look_for_dead();
    collect_now_and_then();
    if (!may_have_space(bytes)) return std::nullopt;
    held = take_free(a_class, until);
    if (!held) return std::nullopt;
  }
  held->bytes = bytes;
  if (a_class == all_.classes) get_pages(*held);
  held->room = a_class == all_.classes ? bytes : room_of(held->reference);
  held->data = data_of(held->reference, bytes);
  return held;
}

std::optional<held_payload> pool_core::take_free(std::uint32_t a_class, const deadline& until) {
  const std::uint32_t tag = own_tag();
  if (!body_->lock.lock(channel_, tag, until)) return std::nullopt;
  const lock_holder unlock_at_end{body_->lock};
  const range where = range_for(a_class);
  held_payload held;
  held.tag = tag;
  do {
    held.reference = find_free(where);
    if (held.reference == all_.references()) return std::nullopt;
  } while (!take_if_free(held));
  body_->loans.store(body_->loans.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  // What the loan after the next one will write to is in its last reader's cache.
  std::uint32_t ahead = held.reference - where.first + 2;
  if (ahead >= where.count || ahead % again_every < 2) ahead = ahead % again_every;
  if (ahead < where.count) {
    prefetch_to_write(&words_[where.first + ahead]);
    if (a_class < all_.classes) {
      const pool_class& these = all_.of_class[a_class];
      prefetch_to_write(channel_.body() + these.data + ahead * these.stride);
    }
  }
  return held;
}

bool pool_core::take_if_free(held_payload& held) noexcept {
  auto& word = words_[held.reference].word;
  reference_word was{word.load(std::memory_order_relaxed)};
  held.generation = (was.generation() + 1) & reference_word::generation_mask;
  const reference_word now =
      reference_word::make(reference_kind::owned, 0, held.generation, id_of(held.tag));
  if (HAWSER_MUTATE(trim_not_looked_for, all_.is_large(held.reference), false))
    // I1: somebody may be giving its pages back. Acquire: or has just done so. Commits.
    return was.kind() == reference_kind::free &&
           word.compare_exchange_strong(was.bits, now.bits, std::memory_order_acquire);
  word.store(now.bits, std::memory_order_relaxed);  // Commits. Relaxed: it publishes nothing.
  return true;
}

std::optional<held_payload> pool_core::loan(std::size_t bytes, const deadline& until) {
  for (;;) {
    auto held = try_loan(bytes, until);
    if (held) [[likely]]
      return held;
    if (spin_.until([&] { return may_have_space(bytes); }, 4)) {
      // What looks free may lie behind a lock whose holder is stopped.
      if (until && clock::now() >= *until) return std::nullopt;
      continue;
    }
    collect_payloads(channel_, all_, 0, looking::noted_only);
    const std::uint32_t key = body_->space.announce();  // E4
    held = try_loan(bytes, until);
    if (held) return spin_.ended_too_early(), held;
    body_->waits.fetch_add(1, std::memory_order_relaxed);
    if (!channel_.sleep(body_->space.word, key, until)) return std::nullopt;
  }
}

void pool_core::release(const held_payload& held) noexcept {
  if (held.tag != channel_.tag_if_attached()) return;  // inherited by a fork: the parent's
  auto& word = words_[held.reference].word;
  const reference_word was{word.load(std::memory_order_relaxed)};
  const std::uint32_t chunk = words_.chunk_of(held.reference, was);
  const reference_word now = reference_word::make(reference_kind::free, 0, held.generation);
  if (!all_.is_large(chunk)) [[likely]] {
    word.store(now.bits, HAWSER_MUTATE(release_not_released, std::memory_order_release,
                                       std::memory_order_relaxed));  // E1. Commits.
  } else {
    word.exchange(now.bits, std::memory_order_seq_cst);  // E5. Commits.
    if (HAWSER_MUTATE(last_of_large_keeps_pages, chunk < all_.homes(), false))
      trim_large(channel_, all_, chunk, all_.large_kept);
  }
  notify_space();
}

std::optional<held_payload> pool_core::share(held_payload& held) {
  const std::uint32_t tag = own_tag();
  if (held.tag != tag || !body_->lock.lock(channel_, tag, {})) return std::nullopt;
  const lock_holder unlock_at_end{body_->lock};
  const std::uint32_t extra = find_free({all_.homes(), all_.extras, body_->next.back()});
  if (extra == all_.references()) return std::nullopt;
  const std::uint32_t chunk = words_.chunk_of(
      held.reference, reference_word{words_[held.reference].word.load(std::memory_order_relaxed)});
  if (chunk >= all_.homes()) return std::nullopt;  // damaged
  held_payload other = held;
  other.reference = extra;
  auto& word = words_[extra].word;
  other.generation = (reference_word{word.load(std::memory_order_relaxed)}.generation() + 1) &
                     reference_word::generation_mask;
  held.shared = other.shared = true;
  if (HAWSER_MUTATE(share_not_noted, true, false))
    words_[chunk].shared.store(1, std::memory_order_relaxed);  // I3
  // Commits.
  word.store(reference_word::make(reference_kind::owned, chunk, other.generation, id_of(tag)).bits,
             std::memory_order_release);
  body_->shares.store(body_->shares.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return other;
}

pool_core::range pool_core::range_for(std::uint32_t a_class) noexcept {
  // The lowest large ones, which have kept their pages.
  if (a_class == all_.classes)
    return {all_.chunks, all_.large, body_->next[pool_classes_max], true};
  return {all_.first[a_class], static_cast<std::uint32_t>(all_.of_class[a_class].chunks),
          body_->next[a_class]};
}

std::uint32_t pool_core::find_free(const range& where) {
  if (where.count == 0) return all_.references();
  bool noted = false;
  std::uint32_t at = where.next.load(std::memory_order_relaxed) % where.count;
  // From the beginning again as soon as that is free: a few chunks that stay in the caches, and
  // not all there are.
  if (where.lowest_first ||
      (at % again_every == 0 &&
       reference_word{words_[where.first].word.load(std::memory_order_relaxed)}.kind() ==
           reference_kind::free))
    at = 0;
  for (std::uint32_t looked = 0; looked < where.count; ++looked) {
    const std::uint32_t reference = where.first + at;
    at = at + 1 < where.count ? at + 1 : 0;
    pool_reference& here = words_[reference];
    const reference_word was{here.word.load(std::memory_order_acquire)};  // E1
    if (was.kind() != reference_kind::free) continue;
    if (HAWSER_MUTATE(readers_not_counted, here.shared.load(std::memory_order_relaxed) != 0,
                      false)) {
      if (!noted) note_named();
      noted = true;
      if ((named_[reference / 64] >> (reference % 64) & 1) != 0) continue;
      here.shared.store(0, std::memory_order_relaxed);  // I3
    }
    where.next.store(at, std::memory_order_relaxed);
    return reference;
  }
  return all_.references();
}

void pool_core::note_named() {
  std::fill(named_.begin(), named_.end(), 0);
  for (std::uint32_t i = all_.homes(); i < all_.references(); ++i) {
    const reference_word was{words_[i].word.load(std::memory_order_acquire)};  // E1
    if (was.kind() != reference_kind::free && was.chunk() < all_.homes())
      named_[was.chunk() / 64] |= std::uint64_t{1} << (was.chunk() % 64);
  }
}

bool pool_words::has_extras(std::uint32_t chunk) const noexcept {
  for (std::uint32_t i = all_->homes(); i < all_->references(); ++i) {
    const reference_word was{first_[i].word.load(std::memory_order_seq_cst)};  // E5
    if (was.kind() != reference_kind::free && was.chunk() == chunk) return true;
  }
  return false;
}

std::optional<held_payload> pool_core::find(const payload_message& message,
                                            std::uint32_t route) const noexcept {
  const payload_handle handle{message.handle};
  if (handle.reference() >= all_.references()) return std::nullopt;
  // To be written, by ack or pop: its line comes once, not first to be read.
  prefetch_to_write(&words_[static_cast<std::uint32_t>(handle.reference())]);
  held_payload found;
  found.reference = static_cast<std::uint32_t>(handle.reference());
  found.generation = handle.generation();
  found.bytes = message.size & ~payload_message::shared_bit;
  found.shared = (message.size & payload_message::shared_bit) != 0;
  const reference_word was{words_[found.reference].word.load(std::memory_order_relaxed)};
  if (was.kind() != reference_kind::moving || was.route() != route ||
      was.generation() != found.generation)
    return std::nullopt;
  return found;
}

bool pool_core::locate(held_payload& found) {
  const std::uint32_t chunk =
      words_.chunk_of(found.reference,
                      reference_word{words_[found.reference].word.load(std::memory_order_relaxed)});
  if (chunk >= all_.homes()) return false;
  found.room = all_.is_large(chunk) ? found.bytes : room_of(chunk);
  found.data = data_of(chunk, found.bytes);
  return found.data != nullptr;
}

bool pool_core::take_out(const held_payload& found, std::uint32_t route, reference_kind kind,
                         std::uint32_t generation) noexcept {
  const std::uint32_t id = id_of(marked_.load(std::memory_order_relaxed));
  auto& word = words_[found.reference].word;
  reference_word was{word.load(std::memory_order_relaxed)};
  // A sweep may put 0 in the place of a dead sender's name meanwhile.
  while (was.kind() == reference_kind::moving && was.route() == route &&
         was.generation() == found.generation) {
    const reference_word now = reference_word::make(kind, was.chunk(), generation, id,
                                                    kind == reference_kind::moving ? route : 0);
    if (word.compare_exchange_weak(was.bits, now.bits, std::memory_order_acq_rel)) return true;
  }
  return false;
}

bool pool_core::claim(held_payload& found, std::uint32_t route) noexcept {
  if (!take_out(found, route, reference_kind::moving, found.generation)) return false;
  found.tag = marked_.load(std::memory_order_relaxed);
  return true;
}

bool pool_core::take_over(held_payload& found, std::uint32_t route) noexcept {
  // Another generation, as in end_by_owning.
  const std::uint32_t next = (found.generation + 1) & reference_word::generation_mask;
  if (!take_out(found, route, reference_kind::owned, next)) return false;  // commits
  found.generation = next;
  found.tag = marked_.load(std::memory_order_relaxed);
  return true;
}

void pool_core::end_by_owning(held_payload& claimed) noexcept {
  // Another generation: should it come back into the queue, it is not what a sweep has noted.
  claimed.generation = (claimed.generation + 1) & reference_word::generation_mask;
  set(claimed.reference, reference_kind::owned, claimed.generation, id_of(claimed.tag));
}

std::size_t pool_core::in_use(std::uint32_t first, std::uint32_t count) const {
  std::vector<bool> used(count);
  for (std::uint32_t i = 0; i < all_.references(); ++i) {
    const reference_word was{words_[i].word.load(std::memory_order_relaxed)};
    if (was.kind() == reference_kind::free) continue;
    const std::uint32_t chunk = words_.chunk_of(i, was);
    if (chunk >= first && chunk - first < count) used[chunk - first] = true;
  }
  return static_cast<std::size_t>(std::count(used.begin(), used.end(), true));
}

std::size_t pool_core::references_in_use(std::uint32_t first, std::uint32_t end) const noexcept {
  std::size_t count = 0;
  for (std::uint32_t i = first; i < end; ++i)
    count += reference_word{words_[i].word.load(std::memory_order_relaxed)}.kind() !=
             reference_kind::free;
  return count;
}

bool pool_core::may_have_space(std::size_t bytes) noexcept {
  const range where = range_for(class_for(bytes));
  for (std::uint32_t i = where.first; i < where.first + where.count; ++i) {
    const pool_reference& here = words_[i];
    const reference_word was{here.word.load(std::memory_order_relaxed)};
    if (was.kind() == reference_kind::free &&
        (here.shared.load(std::memory_order_relaxed) == 0 || !words_.has_extras(i)))
      return true;
  }
  return false;
}

std::uint64_t pool_core::async_wait(std::size_t bytes, std::function<void()> callback) {
  return add_async_wait({&channel_, bit_space,
                         [this] { body_->space.announce(event_count::armed); },
                         [this, bytes] { return may_have_space(bytes); }, std::move(callback)});
}

}  // namespace hawser::shm::detail
