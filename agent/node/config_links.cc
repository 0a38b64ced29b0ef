#include "agent/node/config_links.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

namespace lastword {
namespace {

constexpr std::size_t kLongestName = 32;

// AF_INET or AF_INET6; 0: it is no address that a link can have. An interface goes with an IPv6
// address that is only valid on one link (RFC 4007, 11), and with no other.
int family_of(const std::string& address) {
  in_addr four{};
  if (::inet_pton(AF_INET, address.c_str(), &four) == 1) {
    const std::uint32_t host = ntohl(four.s_addr);
    return host == INADDR_ANY || IN_MULTICAST(host) || host == INADDR_BROADCAST ? 0 : AF_INET;
  }
  const std::size_t percent = address.find('%');
  in6_addr six{};
  if (::inet_pton(AF_INET6, address.substr(0, percent).c_str(), &six) != 1) return 0;
  if (IN6_IS_ADDR_UNSPECIFIED(&six) || IN6_IS_ADDR_MULTICAST(&six)) return 0;
  const bool named = percent != address.npos && percent + 1 < address.size();
  const bool scoped = IN6_IS_ADDR_LINKLOCAL(&six);
  return scoped == named && scoped == (percent != address.npos) ? AF_INET6 : 0;
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName &&
         std::ranges::all_of(name, [](unsigned char c) {
           return c < 0x80 && (std::isalnum(c) != 0 || c == '-' || c == '_');
         });
}

class LinkReader {
 public:
  LinkReader(ConfigReader& reader, const Config& config, const toml::table& table)
      : reader_(reader), config_(config), table_(table) {}

  // False: something was wrong, and is told.
  bool read(LinkConfig& link) {
    const std::size_t before = reader_.complaints();
    reader_.only_keys(table_, "[[link]]", {"name", "address", "port"});
    read_name(link);
    read_addresses(link);
    read_port(link);
    return reader_.complaints() == before;
  }

 private:
  void read_name(LinkConfig& link) {
    const toml::node* node = table_.get("name");
    if (node == nullptr) return complain(table_, "[[link]] needs name = \"NAME\", for messages");
    if (!reader_.text(table_, "name", link.name)) return;
    if (!is_name(link.name)) {
      return complain(
          *node, fmt::format("a link's name has 1 to {} letters, digits, - and _", kLongestName));
    }
    if (std::ranges::count(config_.links, link.name, &LinkConfig::name) != 0) {
      complain(*node, fmt::format("two links have the name \"{}\": give each its own", link.name));
    }
  }

  void read_addresses(LinkConfig& link) {
    const std::string example =
        fmt::format("address = {{ {} = \"192.168.7.1\", {} = \"192.168.7.2\" }}", config_.self.name,
                    config_.partner.name);
    const toml::node* node = table_.get("address");
    const toml::table* addresses = node == nullptr ? nullptr : node->as_table();
    if (addresses == nullptr) {
      return complain(node == nullptr ? static_cast<const toml::node&>(table_) : *node,
                      fmt::format("[[link]] needs the address of each node: {}", example));
    }
    reader_.only_keys(*addresses, "address of [[link]]", {config_.self.name, config_.partner.name});
    const int own = read_address(*addresses, config_.self.name, link.address, example);
    const int theirs = read_address(*addresses, config_.partner.name, link.peer, example);
    if (own == 0 || theirs == 0) return;
    if (own != theirs) {
      return complain(*node, "both addresses of a link must be of IPv4, or both of IPv6");
    }
    if (link.address == link.peer) {
      return complain(*node, "both nodes have one address there: each needs its own");
    }
  }

  int read_address(const toml::table& addresses, const std::string& name, std::string& into,
                   const std::string& example) {
    const toml::node* node = addresses.get(name);
    if (node == nullptr) {
      complain(addresses, fmt::format("the address of {} is missing: {}", name, example));
      return 0;
    }
    if (!reader_.text(addresses, name, into)) return 0;
    const int family = family_of(into);
    if (family == 0) {
      complain(*node,
               fmt::format("{} = \"{}\" is no address of a host: write it in numbers, IPv4 or "
                           "IPv6; one of fe80:: with its interface, \"fe80::1%eth1\"",
                           name, into));
    }
    return family;
  }

  void read_port(LinkConfig& link) {
    const toml::node* node = table_.get("port");
    if (node != nullptr) {
      const auto value = node->value_exact<std::int64_t>();
      if (!value || *value < 1 || *value > UINT16_MAX) {
        return complain(*node, "port takes a number from 1 to 65535");
      }
      link.port = static_cast<std::uint16_t>(*value);
    }
    const bool taken = std::ranges::any_of(config_.links, [&](const LinkConfig& other) {
      return other.port == link.port && (other.address == link.address || other.peer == link.peer);
    });
    if (taken && !link.address.empty()) {
      complain(node == nullptr ? static_cast<const toml::node&>(table_) : *node,
               fmt::format("another link has port {} of one of these addresses already: give it "
                           "another port",
                           link.port));
    }
  }

  void complain(const toml::node& where, const std::string& what) {
    reader_.complain(where.source(), what);
  }

  ConfigReader& reader_;
  const Config& config_;
  const toml::table& table_;
};

}  // namespace

void read_links(ConfigReader& reader, const toml::table& root, Config& config) {
  const toml::node* node = root.get("link");
  if (node == nullptr) return;
  const toml::array* links = node->as_array();
  if (links == nullptr || !links->is_homogeneous(toml::node_type::table)) {
    return reader.complain(node->source(), "write each link as a table, [[link]]");
  }
  if (links->size() > kMostLinks) {
    return reader.complain(
        links->get(kMostLinks)->source(),
        fmt::format("here are {} links: {} are the most", links->size(), kMostLinks));
  }
  for (const toml::node& one : *links) {
    LinkConfig link;
    if (!LinkReader(reader, config, *one.as_table()).read(link)) return;
    config.links.push_back(std::move(link));
  }
}

}  // namespace lastword
