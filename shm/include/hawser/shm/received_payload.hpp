/// What channels of payloads have in common for those who use them.
#pragma once

#include <hawser/shm/codec.hpp>
#include <hawser/shm/detail/payload_route.hpp>
#include <hawser/shm/payload_pool.hpp>

#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>

namespace hawser::shm {

/// For messages that are their payload and nothing else.
struct no_meta {};

/// A payload taken for good, with what was sent along.
template <payload_meta Meta>
struct received_payload {
  Meta meta{};
  payload data;
};

namespace detail {

/// Errors     `bad_argument`: what is to be sent is nothing, or of another pool.
void check_pool(const pool_core* its, const pool_core& channels, std::string_view operation,
                const std::string& name);

template <payload_meta Meta>
meta_layout meta_layout_of() {
  if constexpr (std::is_empty_v<Meta>) return {};
  else return {sizeof(Meta), alignof(Meta), type_fingerprint<Meta>(), typeid(Meta).name()};
}

}  // namespace detail
}  // namespace hawser::shm
