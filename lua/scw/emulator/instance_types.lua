--- The commercial types of servers: what they are made of and what an hour of them costs.
local json = require "scw.json"

local instance_types = {}

local GB, GIB, MIB = 1000000000, 1073741824, 1048576
local HOURS_A_MONTH = 730

-- name, architecture, processors, memory in GiB, block bandwidth in MiB/s, bandwidth inside and to the internet in Mbit/s,
-- file systems, price of an hour; then local storage and scratch volumes in GB, graphics, another name, end of service
local TABLE = [[
BASIC2-A12C-24G      arm64  12  24  320  1200  1200  0 0.1578
BASIC2-A12C-48G      arm64  12  48  320  1200  1200  0 0.1807
BASIC2-A16C-32G      arm64  16  32  480  1600  1600  0 0.2067
BASIC2-A16C-64G      arm64  16  64  480  1600  1600  0 0.2756
BASIC2-A2C-4G        arm64   2   4   80   200   200  0 0.023
BASIC2-A2C-8G        arm64   2   8   80   200   200  0 0.0345
BASIC2-A4C-16G       arm64   4  16  120   400   400  0 0.0689
BASIC2-A4C-8G        arm64   4   8  120   400   400  0 0.0517
BASIC2-A6C-12G       arm64   6  12  180   600   600  0 0.0789
BASIC2-A6C-24G       arm64   6  24  180   600   600  0 0.0903
BASIC2-A8C-16G       arm64   8  16  240   800   800  0 0.1034
BASIC2-A8C-32G       arm64   8  32  240   800   800  0 0.1378
BASIC3-X12C-24G      x86_64 12  24  750  2250  2250  4 0.2711
BASIC3-X12C-48G      x86_64 12  48  750  2250  2250  4 0.3104
BASIC3-X16C-32G      x86_64 16  32 1000  3000  3000  4 0.355247
BASIC3-X16C-64G      x86_64 16  64 1000  3000  3000  8 0.473285
BASIC3-X2C-4G        x86_64  2   4  125   350   350  1 0.039449
BASIC3-X2C-8G        x86_64  2   8  125   350   350  1 0.059225
BASIC3-X4C-16G       x86_64  4  16  250   700   700  2 0.11845
BASIC3-X4C-8G        x86_64  4   8  250   700   700  1 0.079001
BASIC3-X6C-12G       x86_64  6  12  375  1050  1050  2 0.1356
BASIC3-X6C-24G       x86_64  6  24  375  1050  1050  2 0.1553
BASIC3-X8C-16G       x86_64  8  16  500  1500  1500  2 0.177675
BASIC3-X8C-32G       x86_64  8  32  500  1500  1500  4 0.236797
COMPUTE3-X12C-24G    x86_64 12  24  477  4000  4000  4 0.3511 scratch=2x240
COMPUTE3-X16C-32G    x86_64 16  32  477  4000  4000  4 0.4682 scratch=4x320
COMPUTE3-X24C-48G    x86_64 24  48  715  6000  6000  4 0.7022 scratch=4x480
COMPUTE3-X2C-4G      x86_64  2   4  477  4000   500  1 0.0585 scratch=1x40
COMPUTE3-X32C-64G    x86_64 32  64  954  8000  8000  8 0.9363 scratch=4x640
COMPUTE3-X48C-96G    x86_64 48  96 1907 16000 16000  8 1.397 scratch=8x960
COMPUTE3-X4C-8G      x86_64  4   8  477  4000  1000  2 0.117 scratch=2x80
COMPUTE3-X64C-128G   x86_64 64 128 1907 16000 16000  8 1.8726 scratch=8x1280
COMPUTE3-X6C-12G     x86_64  6  12  477  4000  1500  3 0.1756 scratch=2x120
COMPUTE3-X8C-16G     x86_64  8  16  477  4000  2000  4 0.2341 scratch=2x160
COMPUTE3-X96C-192G   x86_64 96 192 1907 16000 16000  8 2.794 scratch=8x1280
DEV1-L               x86_64  4   8  200   400   400  0 0.04284 local=80
DEV1-M               x86_64  3   4  150   300   300  0 0.020196 local=40
DEV1-S               x86_64  2   2  100   200   200  0 0.008976 local=20
DEV1-XL              x86_64  4  12  250   500   500  0 0.065076 local=120
GP1-L                x86_64 32 128 1024  5000  5000  0 0.77418 local=600
GP1-M                x86_64 16  64  800  1500  1500  0 0.38352 local=600
GP1-S                x86_64  8  32  500   800   800  0 0.19074 local=300
GP1-XL               x86_64 48 256 2048 10000 10000  0 1.67382 local=600
GP1-XS               x86_64  4  16  300   500   500  0 0.09282 local=150
L4-1-24G             x86_64  8  48 1000  2500  2500  2 0.7875 gpu=1xL4:24
L4-2-24G             x86_64 16  96 1500  5000  5000  4 1.575 gpu=2xL4:24
L4-4-24G             x86_64 32 192 2500 10000 10000  8 3.15 gpu=4xL4:24
L4-8-24G             x86_64 64 384 5000 20000 20000 16 6.3 gpu=8xL4:24
MEMORY3-X12C-96G     x86_64 12  96  477  4000  4000  4 0.6798 scratch=2x240
MEMORY3-X16C-128G    x86_64 16 128  477  4000  4000  4 0.9064 scratch=4x320
MEMORY3-X2C-16G      x86_64  2  16  477  4000   500  1 0.1133 scratch=1x40
MEMORY3-X32C-256G    x86_64 32 256  954  8000  8000  8 1.8128 scratch=4x640
MEMORY3-X48C-384G    x86_64 48 384 1907 16000 16000  8 2.717 scratch=8x960
MEMORY3-X4C-32G      x86_64  4  32  477  4000  1000  2 0.2266 scratch=2x80
MEMORY3-X6C-48G      x86_64  6  48  477  4000  1500  3 0.3399 scratch=2x120
MEMORY3-X8C-64G      x86_64  8  64  477  4000  2000  4 0.4532 scratch=2x160
PLAY2-MICRO          x86_64  4   8  160   400   400  0 0.05508
PLAY2-NANO           x86_64  2   4   80   200   200  0 0.02754
PLAY2-PICO           x86_64  1   2   40   100   100  0 0.01428
POP2-12C-48G         x86_64 12  48 2400  2400  2400  3 0.435
POP2-16C-64G         x86_64 16  64 3200  3200  3200  4 0.59
POP2-16C-64G-WIN     x86_64 16  64 3200  3200  3200  0 1.4567
POP2-24C-96G         x86_64 24  96 3200  4800  4800  6 0.885
POP2-2C-8G           x86_64  2   8  400   400   400  1 0.0735
POP2-2C-8G-WIN       x86_64  2   8  400   400   400  0 0.1823
POP2-32C-128G        x86_64 32 128 5632  6400  6400  8 1.18
POP2-32C-128G-WIN    x86_64 32 128 5632  6400  6400  0 2.9133
POP2-48C-192G        x86_64 48 192 5632  9600  9600 12 1.77
POP2-4C-16G          x86_64  4  16  800   800   800  1 0.147
POP2-4C-16G-WIN      x86_64  4  16  800   800   800  0 0.3637
POP2-64C-256G        x86_64 64 256 5632 12800 12800 16 2.35
POP2-6C-24G          x86_64  6  24 1200  1200  1200  1 0.225
POP2-8C-32G          x86_64  8  32 1600  1600  1600  2 0.29
POP2-8C-32G-WIN      x86_64  8  32 1600  1600  1600  0 0.7233
POP2-HC-12C-24G      x86_64 12  24 2400  2400  2400  3 0.3192
POP2-HC-16C-32G      x86_64 16  32 3200  3200  3200  4 0.4256
POP2-HC-24C-48G      x86_64 24  48 3200  4800  4800  6 0.6384
POP2-HC-2C-4G        x86_64  2   4  400   400   400  1 0.0532
POP2-HC-32C-64G      x86_64 32  64 5632  6400  6400  8 0.8512
POP2-HC-48C-96G      x86_64 48  96 5632  9600  9600 12 1.27
POP2-HC-4C-8G        x86_64  4   8  800   800   800  1 0.1064
POP2-HC-64C-128G     x86_64 64 128 5632 12800 12800 16 1.7024
POP2-HC-6C-12G       x86_64  6  12 1200  1200  1200  1 0.1596
POP2-HC-8C-16G       x86_64  8  16 1600  1600  1600  2 0.2128
POP2-HM-12C-96G      x86_64 12  96 2400  2400  2400  3 0.618
POP2-HM-16C-128G     x86_64 16 128 3200  3200  3200  4 0.824
POP2-HM-24C-192G     x86_64 24 192 3200  4800  4800  6 1.236
POP2-HM-2C-16G       x86_64  2  16  400   400   400  2 0.103
POP2-HM-32C-256G     x86_64 32 256 5632  6400  6400  8 1.648
POP2-HM-48C-384G     x86_64 48 384 5632  9600  9600 12 2.47
POP2-HM-4C-32G       x86_64  4  32  800   800   800  1 0.206
POP2-HM-64C-512G     x86_64 64 512 5632 12800 12800 16 3.296
POP2-HM-6C-48G       x86_64  6  48 1200  1200  1200  1 0.309
POP2-HM-8C-64G       x86_64  8  64 1600  1600  1600  2 0.412
POP2-HN-10           x86_64  4   8  800 10000 10000  1 0.7264
POP2-HN-3            x86_64  2   4  400  3000  3000  1 0.2554
POP2-HN-5            x86_64  4   8  800  5000  5000  1 0.4524
PRO2-L               x86_64 32 128 2000  6000  6000  0 0.89454
PRO2-M               x86_64 16  64 1000  3000  3000  0 0.44676
PRO2-S               x86_64  8  32  500  1500  1500  0 0.22338
PRO2-XS              x86_64  4  16  250   700   700  0 0.1122
PRO2-XXS             x86_64  2   8  125   350   350  0 0.0561
RENDER-S             x86_64 10  42 2048  2000  2000  0 1.221 local=400 gpu=1xP100:16
STANDARD2-A12C-48G   arm64  12  48 2400  2400  2400  4 0.3068
STANDARD2-A16C-64G   arm64  16  64 3200  3200  3200  4 0.5039
STANDARD2-A24C-96G   arm64  24  96 4800  4800  4800  6 0.6551
STANDARD2-A2C-8G     arm64   2   8  400   400   400  1 0.0586
STANDARD2-A32C-128G  arm64  32 128 4800  6400  6400  8 1.1978
STANDARD2-A48C-192G  arm64  48 192 4800  9600  9600  8 1.5117
STANDARD2-A4C-16G    arm64   4  16  800   800   800  2 0.1171
STANDARD2-A64C-256G  arm64  64 256 4800 12800 12800  8 2.0142
STANDARD2-A6C-24G    arm64   6  24 1200  1200  1200  3 0.1533
STANDARD2-A8C-32G    arm64   8  32 1600  1600  1600  4 0.2343
STANDARD3-X12C-48G   x86_64 12  48  477  4000  4000  4 0.4626 scratch=2x240
STANDARD3-X16C-64G   x86_64 16  64  477  4000  4000  4 0.649 scratch=4x320
STANDARD3-X24C-96G   x86_64 24  96  715  6000  6000  6 0.9411 scratch=4x480
STANDARD3-X2C-8G     x86_64  2   8  477  4000   500  1 0.0809 scratch=1x40
STANDARD3-X32C-128G  x86_64 32 128  954  8000  8000  8 1.298 scratch=4x640
STANDARD3-X48C-192G  x86_64 48 192 1907 16000 16000  8 1.947 scratch=8x960
STANDARD3-X4C-16G    x86_64  4  16  477  4000  1000  2 0.1617 scratch=2x80
STANDARD3-X64C-256G  x86_64 64 256 1907 16000 16000  8 2.585 scratch=8x1280
STANDARD3-X6C-24G    x86_64  6  24  477  4000  1500  3 0.2425 scratch=2x120
STANDARD3-X8C-32G    x86_64  8  32  477  4000  2000  4 0.319 scratch=2x160
STARDUST1-S          x86_64  1   1   50   100   100  0 0.0006 local=10
START1-L             x86_64  8   8   40   400   400  0 0.0368 local=200 ended=yes
START1-M             x86_64  4   4   40   300   300  0 0.0194 local=100 ended=yes
START1-S             x86_64  2   2   40   200   200  0 0.0106 local=50 ended=yes
START1-XS            x86_64  1   1   40   100   100  0 0.0062 local=25 ended=yes
VC1L                 x86_64  6   8   40   200   200  0 0.02468 local=200 alias=X64-8GB ended=yes
VC1M                 x86_64  4   4   40   200   200  0 0.01555 local=100 alias=X64-4GB ended=yes
VC1S                 x86_64  2   2   40   200   200  0 0.00862 local=50 alias=X64-2GB ended=yes
X64-120GB            x86_64 12 120   40  1000  1000  0 0.42574 local=800 ended=yes
X64-15GB             x86_64  6  15   40   250   250  0 0.06032 local=200 ended=yes
X64-30GB             x86_64  8  30   40   500   500  0 0.11906 local=400 ended=yes
X64-60GB             x86_64 10  60   40  1000  1000  0 0.213 local=700 ended=yes
]]

local COLUMNS = "^(%S+) +(%S+) +(%d+) +(%d+) +(%d+) +(%d+) +(%d+) +(%d+) +([%d.]+)(.*)$"

local function integer(text) return math.tointeger(tonumber(text)) end

local function graphics(text)
  if not text then return 0, json.null end
  local count, name, memory = text:match("^(%d+)x([^:]+):(%d+)$")
  return integer(count), { gpu_manufacturer = "NVIDIA", gpu_name = name, gpu_memory = integer(memory) * GIB }
end

--- A type as its service describes it.
local function read(line)
  local name, arch, processors, memory, block, inside, internet, file_systems, price, rest = line:match(COLUMNS)
  local options = {}
  for option, value in rest:gmatch("(%a+)=(%S+)") do options[option] = value end
  local count, information = graphics(options.gpu)
  local volumes, scratch = (options.scratch or "0x0"):match("^(%d+)x(%d+)$")
  local network = { internal_bandwidth = integer(inside) * 1000000, internet_bandwidth = integer(internet) * 1000000 }
  return name, {
    arch = arch, ncpus = integer(processors), ram = integer(memory) * GIB, block_bandwidth = integer(block) * MIB,
    gpu = count, gpu_info = information, mig_profile = json.null, end_of_service = options.ended ~= nil,
    alt_names = json.array { options.alias }, hourly_price = tonumber(price),
    monthly_price = math.floor(tonumber(price) * HOURS_A_MONTH * 1e6 + 0.5) / 1e6,
    capabilities = {
      block_storage = true, boot_types = json.array { "local", "rescue" }, max_file_systems = integer(file_systems),
      hot_snapshots_local_volume = options["local"] ~= nil, placement_groups = true, private_network = 8,
    },
    network = {
      interfaces = json.array { network }, ipv6_support = true,
      sum_internal_bandwidth = network.internal_bandwidth, sum_internet_bandwidth = network.internet_bandwidth,
    },
    volumes_constraint = { min_size = 0, max_size = integer(options["local"] or 0) * GB },
    per_volume_constraint = { l_ssd = { min_size = options["local"] and GB or 0, max_size = options["local"] and 800 * GB or 0 } },
    scratch_storage_max_size = integer(scratch) * GB, scratch_storage_max_volumes_count = integer(volumes),
  }
end

local names, types = {}, {}
for line in TABLE:gmatch("[^\n]+") do
  local name, described = read(line)
  names[#names + 1], types[name] = name, described
end

--- Names of all types, sorted.
---@return string[]
function instance_types.names() return names end

--- A type by its name, or nil.
---@param name string
---@return table|nil
function instance_types.get(name) return types[name] end

--- The types an image of an architecture and a kind of root volume starts on.
---@param arch string
---@param is_local boolean
---@return string[]
function instance_types.compatible(arch, is_local)
  local result = {}
  for _, name in ipairs(names) do
    local described = types[name]
    local fits = described.arch == arch and described.gpu == 0 and not name:find("%-WIN$")
    if fits and (not is_local or described.volumes_constraint.max_size > 0) then result[#result + 1] = name end
  end
  return json.array(result)
end

return instance_types
