#include "one_line.hpp"

namespace producer_consumer {

namespace {

// Control characters, also the 8-bit ones that some terminals obey: alone, or in UTF-8 after 0xc2.
bool is_control(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  const auto before = at == 0 ? 0U : static_cast<unsigned char>(text[at - 1]);
  return byte < ' ' || byte == 0x7f ||
         (byte >= 0x80 && byte < 0xa0 && (before < 0x80 || before == 0xc2));
}

bool has_control(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i)
    if (is_control(text, i)) return true;
  return false;
}

}  // namespace

std::string one_line(std::string_view path) {
  if (!path.empty() && !has_control(path)) return std::string{path};
  std::string text = "$'";
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '\n') {
      text += "\\n";
    } else if (path[i] == '\t') {
      text += "\\t";
    } else if (is_control(path, i)) {
      const auto value = static_cast<unsigned char>(path[i]);
      text += '\\';
      for (const int shift : {6, 3, 0}) text += static_cast<char>('0' + (value >> shift & 7));
    } else {
      if (path[i] == '\\' || path[i] == '\'') text += '\\';
      text += path[i];
    }
  }
  return text + '\'';
}

}  // namespace producer_consumer
