/// How CAF 1.x reads and writes values whose inspection is written for 0.17, too; a part of
/// caf_compat.hpp.
#pragma once

#include <hawser/actors/caf_compat.hpp>

#if HAWSER_CAF_1

#include <caf/inspector_access.hpp>
#include <caf/span.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace hawser::actors::detail {

/// The next name in the text of HAWSER_INSPECT's arguments: "x.pid" is "pid".
inline std::string_view next_field_name(std::string_view& names) {
  const auto comma = names.find(',');
  std::string_view name = names.substr(0, comma);
  names.remove_prefix(comma == std::string_view::npos ? names.size() : comma + 1);
  name.remove_prefix(name.find_last_of(" .>") + 1);
  return name;
}

template <class Inspector, class T>
bool inspect_part(Inspector& f, T& part) {
  if constexpr (std::is_enum_v<T> && !caf::detail::is_complete<caf::inspector_access<T>>) {
    using number = std::underlying_type_t<T>;
    return f.apply([&] { return static_cast<number>(part); },
                   [&](number value) { part = static_cast<T>(value); });
  } else {
    return f.apply(part);
  }
}

template <class Inspector, class... Ts>
bool inspect_parts(Inspector& f, std::string_view type, std::string_view names, Ts&... parts) {
  const auto field = [&](auto& part) {
    return f.begin_field(next_field_name(names)) && inspect_part(f, part) && f.end_field();
  };
  return f.begin_object(caf::invalid_type_id, type) && (field(parts) && ...) && f.end_object();
}

/// Writes the parts of a value that goes by `inspect(detail::value_sink&, T&)`.
class value_sink {
 public:
  virtual ~value_sink() = default;

  template <class... Ts>
  [[nodiscard]] caf::error operator()(Ts&... values) {
    return (put(values) && ...) ? caf::error{} : reason();
  }
  [[nodiscard]] caf::error apply_raw(std::size_t size, const void* bytes) {
    return raw(size, bytes) ? caf::error{} : reason();
  }

 protected:
  virtual bool put(bool& value) = 0;
  virtual bool put(std::uint32_t& value) = 0;
  virtual bool put(std::uint64_t& value) = 0;
  virtual bool put(std::string& value) = 0;
  virtual bool raw(std::size_t size, const void* bytes) = 0;
  virtual caf::error reason() const = 0;

 private:
  template <class T>
  bool put(std::vector<T>& values) {
    std::uint64_t size = values.size();
    bool good = put(size);
    for (T& one : values) good = good && !inspect(*this, one);
    return good;
  }
};

/// Reads them.
class value_source {
 public:
  virtual ~value_source() = default;

  template <class... Ts>
  [[nodiscard]] caf::error operator()(Ts&... values) {
    return (get(values) && ...) ? caf::error{} : reason();
  }
  [[nodiscard]] caf::error apply_raw(std::size_t size, void* bytes) {
    return raw(size, bytes) ? caf::error{} : reason();
  }

 protected:
  virtual bool get(bool& value) = 0;
  virtual bool get(std::uint32_t& value) = 0;
  virtual bool get(std::uint64_t& value) = 0;
  virtual bool get(std::string& value) = 0;
  virtual bool raw(std::size_t size, void* bytes) = 0;
  virtual caf::error reason() const = 0;
  virtual void fail(caf::error why) = 0;

 private:
  template <class T>
  bool get(std::vector<T>& values) {
    std::uint64_t size = 0;
    if (!get(size)) return false;
    values.clear();
    while (values.size() < size)  // it may say anything
      if (caf::error why = inspect(*this, values.emplace_back()))
        return fail(std::move(why)), false;
    return true;
  }
};

template <class Inspector>
class sink_to final : public value_sink {
 public:
  explicit sink_to(Inspector& f) : f_(f) {}

 private:
  bool put(bool& value) override { return f_.value(value); }
  bool put(std::uint32_t& value) override { return f_.value(value); }
  bool put(std::uint64_t& value) override { return f_.value(value); }
  bool put(std::string& value) override { return f_.value(std::string_view{value}); }
  bool raw(std::size_t size, const void* bytes) override {
    return f_.value(caf::span<const std::byte>{static_cast<const std::byte*>(bytes), size});
  }
  caf::error reason() const override {
    if constexpr (requires { f_.get_error(); }) {
      if (f_.get_error()) return f_.get_error();
    }
    return caf::make_error(caf::sec::runtime_error, "a part of it cannot be written");
  }
  Inspector& f_;
};

template <class Inspector>
class source_from final : public value_source {
 public:
  explicit source_from(Inspector& f) : f_(f) {}

 private:
  bool get(bool& value) override { return f_.value(value); }
  bool get(std::uint32_t& value) override { return f_.value(value); }
  bool get(std::uint64_t& value) override { return f_.value(value); }
  bool get(std::string& value) override { return f_.value(value); }
  bool raw(std::size_t size, void* bytes) override {
    return f_.value(caf::span<std::byte>{static_cast<std::byte*>(bytes), size});
  }
  caf::error reason() const override {
    return f_.get_error() ? f_.get_error() : caf::make_error(caf::sec::end_of_stream);
  }
  void fail(caf::error why) override { f_.set_error(std::move(why)); }
  Inspector& f_;
};

inline caf::error inspect(value_sink& to, byte_buffer& x) {
  std::uint64_t size = x.size();
  if (caf::error reason = to(size)) return reason;
  return to.apply_raw(x.size(), x.data());
}
inline caf::error inspect(value_source& from, byte_buffer& x) {
  x.clear();
  std::uint64_t size = 0;
  if (caf::error reason = from(size)) return reason;
  constexpr std::uint64_t step = 1 << 24;  // it may say anything: memory is taken as bytes come
  while (x.size() < size) {
    const std::size_t had = x.size(), some = std::min(step, size - had);
    x.resize(had + some);
    if (caf::error reason = from.apply_raw(some, x.data() + had)) return reason;
  }
  return {};
}

template <class Inspector, class T>
bool inspect_by_hand(Inspector& f, T& x) {
  if constexpr (Inspector::is_loading) {
    source_from<Inspector> from{f};
    caf::error reason = inspect(static_cast<value_source&>(from), x);
    if (!reason) return true;
    f.set_error(std::move(reason));
    return false;
  } else if constexpr (requires { f.get_error(); }) {
    sink_to<Inspector> to{f};
    caf::error reason = inspect(static_cast<value_sink&>(to), x);
    if (!reason) return true;
    f.set_error(std::move(reason));
    return false;
  } else {
    return f.value(std::string_view{"..."});  // it has no words of its own
  }
}

template <class Inspector>
bool inspect(Inspector& f, byte_buffer& x) {
  return inspect_by_hand(f, x);
}

/// An error code of ours: in words for people, else a number.
template <class Enum>
struct error_code_access : caf::inspector_access_base<Enum> {
  template <class Inspector>
  static bool apply(Inspector& f, Enum& x) {
    if constexpr (!Inspector::is_loading) {
      if (f.has_human_readable_format()) return f.value(std::string_view{to_string(x)});
    }
    using number = std::underlying_type_t<Enum>;
    return f.apply([&] { return static_cast<number>(x); },
                   [&](number value) { x = static_cast<Enum>(value); });
  }
};

}  // namespace hawser::actors::detail

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(hawser_buffers, 2199)
  CAF_ADD_TYPE_ID(hawser_buffers, (hawser::actors::detail::byte_buffer))
CAF_END_TYPE_ID_BLOCK(hawser_buffers)
// clang-format on
HAWSER_REGISTER(hawser_buffers);

#endif
