---@meta
-- Generated from lua/scw/types/ by `scwlua docs`.
-- luacheck: ignore

---@class scw.Reference
---@operator concat(any): scw.Reference

---@class scw.Scope
local scope = {}

---@class scw.account_project
---@field description? string|scw.Reference
---@field name string|scw.Reference Unique in the organisation.
---@field organization? string|scw.Reference Organisation; the stack's when not given.

---@class scw.account_project.Handle: scw.Reference
---@field id scw.Reference
---@field description scw.Reference
---@field name scw.Reference
---@field organization scw.Reference

--- A project: what resources, quotas and permissions belong to.
---@param name string
---@param fields scw.account_project
---@param options? table
---@return scw.account_project.Handle
function scope:account_project(name, fields, options) end

---@class scw.bucket.cors
---@field allowed_headers? (string)[]|scw.Reference
---@field allowed_methods ("GET"|"PUT"|"POST"|"DELETE"|"HEAD")[]|scw.Reference
---@field allowed_origins (string)[]|scw.Reference
---@field expose_headers? (string)[]|scw.Reference
---@field max_age? integer|scw.Reference Seconds.

---@class scw.bucket.lifecycle.transitions
---@field date? string|scw.Reference
---@field days? integer|scw.Reference
---@field storage_class "STANDARD"|"GLACIER"|"ONEZONE_IA"|scw.Reference

---@class scw.bucket.lifecycle
---@field abort_multipart_days? integer|scw.Reference Unfinished uploads end after so many days.
---@field enabled? boolean|scw.Reference
---@field expiration_date? string|scw.Reference
---@field expiration_days? integer|scw.Reference
---@field expired_delete_marker? boolean|scw.Reference
---@field id? string|scw.Reference
---@field noncurrent_days? integer|scw.Reference Old versions end after so many days.
---@field noncurrent_versions_kept? integer|scw.Reference
---@field prefix? string|scw.Reference
---@field tags? table<string, string>|scw.Reference
---@field transitions? (scw.bucket.lifecycle.transitions)[]|scw.Reference

---@class scw.bucket.object_lock
---@field days? integer|scw.Reference
---@field mode? "GOVERNANCE"|"COMPLIANCE"|scw.Reference
---@field years? integer|scw.Reference

---@class scw.bucket
---@field acl? "private"|"public-read"|"public-read-write"|"authenticated-read"|scw.Reference
---@field cors? (scw.bucket.cors)[]|scw.Reference Which pages of other sites may use it.
---@field force_destroy? boolean|scw.Reference Delete it with all objects and versions.
---@field lifecycle? (scw.bucket.lifecycle)[]|scw.Reference What happens to objects with time.
---@field name string|scw.Reference
---@field object_lock? scw.bucket.object_lock|scw.Reference Objects cannot be deleted before their time: `{}`, or with a default.
---@field policy? any|scw.Reference Who may do what; without its author, the author is locked out.
---@field project? scw.account_project.Handle|scw.Reference|string Project; the stack's when not given.
---@field region? string|scw.Reference Region; the stack's when not given.
---@field tags? table<string, string>|scw.Reference
---@field versioning? boolean|scw.Reference Keep old versions. Can be suspended, not undone.

---@class scw.bucket.Handle: scw.Reference
---@field id scw.Reference
---@field acl scw.Reference
---@field api_endpoint scw.Reference
---@field cors scw.Reference
---@field endpoint scw.Reference
---@field force_destroy scw.Reference
---@field lifecycle scw.Reference
---@field name scw.Reference
---@field object_lock scw.Reference
---@field policy scw.Reference
---@field project scw.Reference
---@field region scw.Reference
---@field tags scw.Reference
---@field versioning scw.Reference

--- A bucket of Object Storage.
---@param name string
---@param fields scw.bucket
---@param options? table
---@return scw.bucket.Handle
function scope:bucket(name, fields, options) end

---@class scw.cockpit_alert_manager
---@field project? scw.account_project.Handle|scw.Reference|string Project; the stack's when not given.
---@field region? string|scw.Reference Region; the stack's when not given.

---@class scw.cockpit_alert_manager.Handle: scw.Reference
---@field id scw.Reference
---@field project scw.Reference
---@field region scw.Reference
---@field url scw.Reference

--- The alert manager of a project in a region: there is one, this turns it on.
---@param name string
---@param fields scw.cockpit_alert_manager
---@param options? table
---@return scw.cockpit_alert_manager.Handle
function scope:cockpit_alert_manager(name, fields, options) end

---@class scw.cockpit_contact_point
---@field alert_manager? scw.cockpit_alert_manager.Handle|scw.Reference|string The one it belongs to: made before it.
---@field email string|scw.Reference
---@field project? scw.account_project.Handle|scw.Reference|string Project; the stack's when not given.
---@field region? string|scw.Reference Region; the stack's when not given.
---@field send_resolved? boolean|scw.Reference Whether the end of an alert is announced too.

---@class scw.cockpit_contact_point.Handle: scw.Reference
---@field id scw.Reference
---@field alert_manager scw.Reference
---@field email scw.Reference
---@field project scw.Reference
---@field region scw.Reference
---@field send_resolved scw.Reference

--- Who gets the alerts of a project in a region.
---@param name string
---@param fields scw.cockpit_contact_point
---@param options? table
---@return scw.cockpit_contact_point.Handle
function scope:cockpit_contact_point(name, fields, options) end

---@class scw.cockpit_data_source
---@field name string|scw.Reference
---@field project? scw.account_project.Handle|scw.Reference|string Project; the stack's when not given.
---@field region? string|scw.Reference Region; the stack's when not given.
---@field retention_days? integer|scw.Reference 31 for metrics, 7 for logs and traces when not given. Less erases what is older.
---@field type "metrics"|"logs"|"traces"|scw.Reference

---@class scw.cockpit_data_source.Handle: scw.Reference
---@field id scw.Reference
---@field name scw.Reference
---@field origin scw.Reference
---@field project scw.Reference
---@field region scw.Reference
---@field retention_days scw.Reference
---@field type scw.Reference
---@field url scw.Reference

--- A store for metrics, logs or traces.
---@param name string
---@param fields scw.cockpit_data_source
---@param options? table
---@return scw.cockpit_data_source.Handle
function scope:cockpit_data_source(name, fields, options) end

---@class scw.cockpit_token
---@field name string|scw.Reference
---@field project? scw.account_project.Handle|scw.Reference|string Project; the stack's when not given.
---@field region? string|scw.Reference Region; the stack's when not given.
---@field scopes ("read_only_metrics"|"write_only_metrics"|"full_access_metrics_rules"|"read_only_logs"|"write_only_logs"|"full_access_logs_rules"|"full_access_alert_manager"|"read_only_traces"|"write_only_traces")[]|scw.Reference

---@class scw.cockpit_token.Handle: scw.Reference
---@field id scw.Reference
---@field name scw.Reference
---@field project scw.Reference
---@field region scw.Reference
---@field scopes scw.Reference
---@field secret_key scw.Reference

--- A token that may push to or query the data sources of a region.
---@param name string
---@param fields scw.cockpit_token
---@param options? table
---@return scw.cockpit_token.Handle
function scope:cockpit_token(name, fields, options) end

---@class scw.container.liveness_probe.http
---@field path string|scw.Reference Path that has to answer.

---@class scw.container.liveness_probe.tcp

---@class scw.container.liveness_probe
---@field failure_threshold? integer|scw.Reference Failed checks in a row before it counts.
---@field http? scw.container.liveness_probe.http|scw.Reference
---@field interval? string|number|scw.Reference Time between two checks.
---@field tcp? scw.container.liveness_probe.tcp|scw.Reference A connection to the port is enough: `{}`.
---@field timeout? string|number|scw.Reference Time a check may take.

---@class scw.container.scaling
---@field concurrent_requests_threshold? integer|scw.Reference Requests at once on one instance.
---@field cpu_usage_threshold? integer|scw.Reference Percent of CPU.
---@field memory_usage_threshold? integer|scw.Reference Percent of memory.

---@class scw.container.startup_probe.http
---@field path string|scw.Reference Path that has to answer.

---@class scw.container.startup_probe.tcp

---@class scw.container.startup_probe
---@field failure_threshold? integer|scw.Reference Failed checks in a row before it counts.
---@field http? scw.container.startup_probe.http|scw.Reference
---@field interval? string|number|scw.Reference Time between two checks.
---@field tcp? scw.container.startup_probe.tcp|scw.Reference A connection to the port is enough: `{}`.
---@field timeout? string|number|scw.Reference Time a check may take.

---@class scw.container
---@field args? (string)[]|scw.Reference Arguments of the command.
---@field command? (string)[]|scw.Reference Instead of the image's entrypoint.
---@field cpu_limit? integer|scw.Reference Thousandths of a virtual CPU of one instance.
---@field description? string|scw.Reference
---@field environment_variables? table<string, string>|scw.Reference
---@field https_only? boolean|scw.Reference Redirect HTTP to HTTPS.
---@field image string|scw.Reference Image reference, tag or digest included.
---@field liveness_probe? scw.container.liveness_probe|scw.Reference Restarts an instance that fails it.
---@field local_storage_limit? string|integer|scw.Reference Disk of one instance.
---@field max_scale? integer|scw.Reference Most instances.
---@field memory_limit? string|integer|scw.Reference Memory of one instance.
---@field min_scale? integer|scw.Reference Instances kept running.
---@field name string|scw.Reference Part of its host name.
---@field namespace scw.container_namespace.Handle|scw.Reference|string
---@field port? integer|scw.Reference Port the program listens on.
---@field privacy? "public"|"private"|scw.Reference Private ones want an API key.
---@field private_network? scw.private_network.Handle|scw.Reference|string Network it can reach privately.
---@field protocol? "http1"|"h2c"|scw.Reference h2c for gRPC.
---@field region? string|scw.Reference Region; the stack's when not given.
---@field sandbox? "v1"|"v2"|scw.Reference v2 starts faster, v1 has every system call.
---@field scaling? scw.container.scaling|scw.Reference What makes it grow.
---@field secret_environment_variables? table<string, string>|scw.Reference Stored hashed, never readable.
---@field startup_probe? scw.container.startup_probe|scw.Reference An instance gets requests once it passed.
---@field tags? (string)[]|scw.Reference
---@field timeout? string|number|scw.Reference Longest time of one request.

---@class scw.container.Handle: scw.Reference
---@field id scw.Reference
---@field args scw.Reference
---@field command scw.Reference
---@field cpu_limit scw.Reference
---@field description scw.Reference
---@field environment_variables scw.Reference
---@field https_only scw.Reference
---@field image scw.Reference
---@field liveness_probe scw.Reference
---@field local_storage_limit scw.Reference
---@field max_scale scw.Reference
---@field memory_limit scw.Reference
---@field min_scale scw.Reference
---@field name scw.Reference
---@field namespace scw.Reference
---@field port scw.Reference
---@field privacy scw.Reference
---@field private_network scw.Reference
---@field protocol scw.Reference
---@field region scw.Reference
---@field sandbox scw.Reference
---@field scaling scw.Reference
---@field secret_environment_variables scw.Reference
---@field startup_probe scw.Reference
---@field status scw.Reference
---@field tags scw.Reference
---@field timeout scw.Reference
---@field url scw.Reference

--- A container that Scaleway runs, scales and serves over HTTPS.
---@param name string
---@param fields scw.container
---@param options? table
---@return scw.container.Handle
function scope:container(name, fields, options) end

---@class scw.container_domain
---@field container scw.container.Handle|scw.Reference|string
---@field hostname string|scw.Reference
---@field region? string|scw.Reference Region; the stack's when not given.
---@field tags? (string)[]|scw.Reference

---@class scw.container_domain.Handle: scw.Reference
---@field id scw.Reference
---@field container scw.Reference
---@field hostname scw.Reference
---@field region scw.Reference
---@field status scw.Reference
---@field tags scw.Reference

--- A host name of your own for a container, with a certificate.
---@param name string
---@param fields scw.container_domain
---@param options? table
---@return scw.container_domain.Handle
function scope:container_domain(name, fields, options) end

---@class scw.container_namespace
---@field description? string|scw.Reference What it is for.
---@field environment_variables? table<string, string>|scw.Reference Environment of all its containers. A change deploys them again.
---@field name string|scw.Reference Part of the host name of its containers.
---@field project? scw.account_project.Handle|scw.Reference|string Project; the stack's when not given.
---@field region? string|scw.Reference Region; the stack's when not given.
---@field secret_environment_variables? table<string, string>|scw.Reference Secret environment of all its containers: stored hashed, never readable.
---@field tags? (string)[]|scw.Reference Free labels.

---@class scw.container_namespace.Handle: scw.Reference
---@field id scw.Reference
---@field description scw.Reference
---@field environment_variables scw.Reference
---@field name scw.Reference
---@field project scw.Reference
---@field region scw.Reference
---@field secret_environment_variables scw.Reference
---@field status scw.Reference
---@field tags scw.Reference

--- A group of serverless containers that share environment variables and a host name prefix.
---@param name string
---@param fields scw.container_namespace
---@param options? table
---@return scw.container_namespace.Handle
function scope:container_namespace(name, fields, options) end

---@class scw.container_trigger.cron
---@field body? string|scw.Reference Body of the request.
---@field headers? table<string, string>|scw.Reference
---@field schedule string|scw.Reference
---@field timezone? string|scw.Reference Such as Europe/Paris.

---@class scw.container_trigger.destination
---@field http_method? "get"|"post"|"put"|"patch"|"delete"|scw.Reference
---@field http_path? string|scw.Reference

---@class scw.container_trigger.nats
---@field credentials_file_content string|scw.Reference
---@field server_urls (string)[]|scw.Reference
---@field subject string|scw.Reference

---@class scw.container_trigger.sqs
---@field access_key_id string|scw.Reference
---@field endpoint string|scw.Reference
---@field queue_url string|scw.Reference
---@field region? string|scw.Reference
---@field secret_access_key string|scw.Reference

---@class scw.container_trigger
---@field container scw.container.Handle|scw.Reference|string
---@field cron? scw.container_trigger.cron|scw.Reference On a schedule.
---@field description? string|scw.Reference
---@field destination? scw.container_trigger.destination|scw.Reference The request it makes.
---@field name string|scw.Reference
---@field nats? scw.container_trigger.nats|scw.Reference For each message of a NATS subject.
---@field region? string|scw.Reference Region; the stack's when not given.
---@field sqs? scw.container_trigger.sqs|scw.Reference For each message of an SQS queue.
---@field tags? (string)[]|scw.Reference

---@class scw.container_trigger.Handle: scw.Reference
---@field id scw.Reference
---@field container scw.Reference
---@field cron scw.Reference
---@field description scw.Reference
---@field destination scw.Reference
---@field name scw.Reference
---@field nats scw.Reference
---@field region scw.Reference
---@field sqs scw.Reference
---@field status scw.Reference
---@field tags scw.Reference

--- Calls a container on a schedule, or for each message of a queue.
---@param name string
---@param fields scw.container_trigger
---@param options? table
---@return scw.container_trigger.Handle
function scope:container_trigger(name, fields, options) end

---@class scw.iam_api_key
---@field application? scw.iam_application.Handle|scw.Reference|string
---@field default_project? scw.account_project.Handle|scw.Reference|string Project its object storage calls act in; the organisation's default one when not given.
---@field description? string|scw.Reference
---@field expires_at? string|scw.Reference Never when not given.
---@field user? string|scw.Reference

---@class scw.iam_api_key.Handle: scw.Reference
---@field id scw.Reference
---@field access_key scw.Reference
---@field application scw.Reference
---@field default_project scw.Reference
---@field description scw.Reference
---@field expires_at scw.Reference
---@field secret_key scw.Reference
---@field user scw.Reference

--- An API key of an application or a user.
---@param name string
---@param fields scw.iam_api_key
---@param options? table
---@return scw.iam_api_key.Handle
function scope:iam_api_key(name, fields, options) end

---@class scw.iam_application
---@field description? string|scw.Reference
---@field name string|scw.Reference
---@field organization? string|scw.Reference Organisation; the stack's when not given.
---@field tags? (string)[]|scw.Reference

---@class scw.iam_application.Handle: scw.Reference
---@field id scw.Reference
---@field description scw.Reference
---@field name scw.Reference
---@field organization scw.Reference
---@field tags scw.Reference

--- A program that acts on its own behalf: API keys and policies belong to it.
---@param name string
---@param fields scw.iam_application
---@param options? table
---@return scw.iam_application.Handle
function scope:iam_application(name, fields, options) end

---@class scw.iam_policy.rules
---@field condition? string|scw.Reference CEL text.
---@field organization? string|scw.Reference All projects, present and future.
---@field permission_sets (string)[]|scw.Reference
---@field projects? (scw.account_project.Handle|scw.Reference|string)[]|scw.Reference

---@class scw.iam_policy
---@field application? scw.iam_application.Handle|scw.Reference|string
---@field description? string|scw.Reference
---@field group? string|scw.Reference
---@field name string|scw.Reference
---@field no_principal? boolean|scw.Reference Nobody yet.
---@field organization? string|scw.Reference Organisation; the stack's when not given.
---@field rules (scw.iam_policy.rules)[]|scw.Reference
---@field tags? (string)[]|scw.Reference
---@field user? string|scw.Reference

---@class scw.iam_policy.Handle: scw.Reference
---@field id scw.Reference
---@field application scw.Reference
---@field description scw.Reference
---@field group scw.Reference
---@field name scw.Reference
---@field no_principal scw.Reference
---@field organization scw.Reference
---@field rules scw.Reference
---@field tags scw.Reference
---@field user scw.Reference

--- What an application, a user or a group may do.
---@param name string
---@param fields scw.iam_policy
---@param options? table
---@return scw.iam_policy.Handle
function scope:iam_policy(name, fields, options) end

---@class scw.job_definition.cron
---@field schedule string|scw.Reference
---@field timezone? string|scw.Reference Such as Europe/Paris.

---@class scw.job_definition.secrets
---@field env? string|scw.Reference As this environment variable …
---@field path? string|scw.Reference … or as this file.
---@field secret scw.secret.Handle|scw.Reference|string
---@field version? string|scw.Reference A number, or latest.

---@class scw.job_definition
---@field args? (string)[]|scw.Reference
---@field command? (string)[]|scw.Reference Instead of the image's entrypoint.
---@field cpu_limit? integer|scw.Reference Thousandths of a virtual CPU.
---@field cron? scw.job_definition.cron|scw.Reference
---@field description? string|scw.Reference
---@field environment_variables? table<string, string>|scw.Reference
---@field image string|scw.Reference
---@field local_storage? string|integer|scw.Reference Disk.
---@field max_retries? integer|scw.Reference
---@field memory_limit? string|integer|scw.Reference Memory.
---@field name string|scw.Reference
---@field project? scw.account_project.Handle|scw.Reference|string Project; the stack's when not given.
---@field region? string|scw.Reference Region; the stack's when not given.
---@field secrets? (scw.job_definition.secrets)[]|scw.Reference Secrets of Secret Manager given to each run.
---@field timeout? string|number|scw.Reference Longest time of one run.

---@class scw.job_definition.Handle: scw.Reference
---@field id scw.Reference
---@field args scw.Reference
---@field command scw.Reference
---@field cpu_limit scw.Reference
---@field cron scw.Reference
---@field description scw.Reference
---@field environment_variables scw.Reference
---@field image scw.Reference
---@field local_storage scw.Reference
---@field max_retries scw.Reference
---@field memory_limit scw.Reference
---@field name scw.Reference
---@field project scw.Reference
---@field region scw.Reference
---@field secrets scw.Reference
---@field timeout scw.Reference

--- A job that runs a container image to its end, by hand or on a schedule.
---@param name string
---@param fields scw.job_definition
---@param options? table
---@return scw.job_definition.Handle
function scope:job_definition(name, fields, options) end

---@class scw.key_manager_key.rotation_policy
---@field next_rotation_at? string|scw.Reference
---@field rotation_period string|number|scw.Reference At least a day.

---@class scw.key_manager_key.usage
---@field asymmetric_encryption? "rsa_oaep_2048_sha256"|"rsa_oaep_3072_sha256"|"rsa_oaep_4096_sha256"|scw.Reference
---@field asymmetric_signing? "ec_p256_sha256"|"ec_p384_sha384"|"rsa_pss_2048_sha256"|"rsa_pss_3072_sha256"|"rsa_pss_4096_sha256"|"rsa_pkcs1_2048_sha256"|"rsa_pkcs1_3072_sha256"|"rsa_pkcs1_4096_sha256"|"ml_dsa_44"|"ml_dsa_65"|"ml_dsa_87"|scw.Reference
---@field symmetric_encryption? "aes_256_gcm"|scw.Reference Encrypts, and wraps data keys.

---@class scw.key_manager_key
---@field description? string|scw.Reference
---@field name string|scw.Reference
---@field origin? "scaleway_kms"|"external"|scw.Reference external: it waits until its key material is imported.
---@field project? scw.account_project.Handle|scw.Reference|string Project; the stack's when not given.
---@field protected? boolean|scw.Reference Refuses deletion until it is turned off.
---@field region? string|scw.Reference Region; the stack's when not given.
---@field rotation_policy? scw.key_manager_key.rotation_policy|scw.Reference When it gets new key material by itself.
---@field tags? (string)[]|scw.Reference
---@field usage scw.key_manager_key.usage|scw.Reference What it is for, and the algorithm.

---@class scw.key_manager_key.Handle: scw.Reference
---@field id scw.Reference
---@field description scw.Reference
---@field locked scw.Reference
---@field name scw.Reference
---@field origin scw.Reference
---@field project scw.Reference
---@field protected scw.Reference
---@field region scw.Reference
---@field rotated_at scw.Reference
---@field rotation_count scw.Reference
---@field rotation_policy scw.Reference
---@field state scw.Reference
---@field tags scw.Reference
---@field usage scw.Reference

--- A key that Key Manager keeps and never gives away: it encrypts, signs, or wraps other keys.
---@param name string
---@param fields scw.key_manager_key
---@param options? table
---@return scw.key_manager_key.Handle
function scope:key_manager_key(name, fields, options) end

---@class scw.object
---@field bucket scw.bucket.Handle|scw.Reference|string
---@field content? string|scw.Reference The bytes themselves …
---@field content_type? string|scw.Reference
---@field key string|scw.Reference
---@field metadata? table<string, string>|scw.Reference Names are lower case.
---@field project? scw.account_project.Handle|scw.Reference|string Project; the stack's when not given.
---@field region? string|scw.Reference Region; the stack's when not given.
---@field source? string|scw.Reference … or the file that holds them, read while applying.
---@field storage_class? "STANDARD"|"GLACIER"|"ONEZONE_IA"|scw.Reference

---@class scw.object.Handle: scw.Reference
---@field id scw.Reference
---@field bucket scw.Reference
---@field content scw.Reference
---@field content_type scw.Reference
---@field etag scw.Reference
---@field key scw.Reference
---@field metadata scw.Reference
---@field project scw.Reference
---@field region scw.Reference
---@field size scw.Reference
---@field source scw.Reference
---@field storage_class scw.Reference
---@field version scw.Reference

--- An object in a bucket.
---@param name string
---@param fields scw.object
---@param options? table
---@return scw.object.Handle
function scope:object(name, fields, options) end

---@class scw.private_network
---@field default_route_propagation? boolean|scw.Reference Whether a gateway's default route is announced in it.
---@field name string|scw.Reference
---@field project? scw.account_project.Handle|scw.Reference|string Project; the stack's when not given.
---@field region? string|scw.Reference Region; the stack's when not given.
---@field subnets? (string)[]|scw.Reference Address ranges; the service picks an IPv4 one when not given, and adds an IPv6 one.
---@field tags? (string)[]|scw.Reference
---@field vpc? scw.vpc.Handle|scw.Reference|string The project's default VPC of the region when not given.

---@class scw.private_network.Handle: scw.Reference
---@field id scw.Reference
---@field default_route_propagation scw.Reference
---@field dhcp_enabled scw.Reference
---@field name scw.Reference
---@field project scw.Reference
---@field region scw.Reference
---@field subnets scw.Reference
---@field tags scw.Reference
---@field vpc scw.Reference

--- A private network that containers, databases and machines attach to.
---@param name string
---@param fields scw.private_network
---@param options? table
---@return scw.private_network.Handle
function scope:private_network(name, fields, options) end

---@class scw.rdb_acl.rules
---@field description? string|scw.Reference
---@field ip string|scw.Reference

---@class scw.rdb_acl
---@field instance scw.rdb_instance.Handle|scw.Reference|string
---@field region? string|scw.Reference Region; the stack's when not given.
---@field rules (scw.rdb_acl.rules)[]|scw.Reference

---@class scw.rdb_acl.Handle: scw.Reference
---@field id scw.Reference
---@field instance scw.Reference
---@field region scw.Reference
---@field rules scw.Reference

--- Who may reach the public address of a managed server: the whole set of rules.
---@param name string
---@param fields scw.rdb_acl
---@param options? table
---@return scw.rdb_acl.Handle
function scope:rdb_acl(name, fields, options) end

---@class scw.rdb_database
---@field instance scw.rdb_instance.Handle|scw.Reference|string
---@field name string|scw.Reference
---@field region? string|scw.Reference Region; the stack's when not given.

---@class scw.rdb_database.Handle: scw.Reference
---@field id scw.Reference
---@field instance scw.Reference
---@field name scw.Reference
---@field owner scw.Reference
---@field region scw.Reference
---@field size scw.Reference

--- A logical database on a managed server.
---@param name string
---@param fields scw.rdb_database
---@param options? table
---@return scw.rdb_database.Handle
function scope:rdb_database(name, fields, options) end

---@class scw.rdb_instance.endpoints.load_balancer

---@class scw.rdb_instance.endpoints.private_network
---@field network scw.private_network.Handle|scw.Reference|string
---@field service_ip? string|scw.Reference Static address: not routable in the VPC.

---@class scw.rdb_instance.endpoints
---@field load_balancer? scw.rdb_instance.endpoints.load_balancer|scw.Reference A public address: `{}`.
---@field private_network? scw.rdb_instance.endpoints.private_network|scw.Reference

---@class scw.rdb_instance.logs_policy
---@field max_age_retention? integer|scw.Reference Days.
---@field total_disk_retention? string|integer|scw.Reference

---@class scw.rdb_instance
---@field backup_disabled? boolean|scw.Reference
---@field backup_frequency? integer|scw.Reference Hours between two backups.
---@field backup_retention? integer|scw.Reference Days backups are kept.
---@field backup_same_region? boolean|scw.Reference
---@field encryption? boolean|scw.Reference At rest. Cannot be turned off again.
---@field endpoints? (scw.rdb_instance.endpoints)[]|scw.Reference None given: a public one, open to the world. Only private ones given: no public one.
---@field engine string|scw.Reference Such as PostgreSQL-17.
---@field high_availability? boolean|scw.Reference A standby in the same zone. Cannot be turned off again.
---@field init_settings? table<string, string>|scw.Reference Settings only read when the server is made.
---@field logs_policy? scw.rdb_instance.logs_policy|scw.Reference How long logs stay on the disk.
---@field name string|scw.Reference
---@field node_type string|scw.Reference Such as DB-DEV-S.
---@field password string|scw.Reference Of the first user.
---@field project? scw.account_project.Handle|scw.Reference|string Project; the stack's when not given.
---@field region? string|scw.Reference Region; the stack's when not given.
---@field settings? table<string, string>|scw.Reference Engine settings, such as max_connections.
---@field tags? (string)[]|scw.Reference
---@field user_name string|scw.Reference First user.
---@field volume_size? string|integer|scw.Reference Only grows. Given by the node type with lssd.
---@field volume_type? "lssd"|"sbs_5k"|"sbs_15k"|scw.Reference Local disk, or block storage with 5k or 15k operations a second.

---@class scw.rdb_instance.Handle: scw.Reference
---@field id scw.Reference
---@field backup_disabled scw.Reference
---@field backup_frequency scw.Reference
---@field backup_retention scw.Reference
---@field backup_same_region scw.Reference
---@field encryption scw.Reference
---@field endpoints scw.Reference
---@field engine scw.Reference
---@field high_availability scw.Reference
---@field init_settings scw.Reference
---@field ip scw.Reference
---@field logs_policy scw.Reference
---@field name scw.Reference
---@field node_type scw.Reference
---@field password scw.Reference
---@field port scw.Reference
---@field project scw.Reference
---@field public_ip scw.Reference
---@field public_port scw.Reference
---@field region scw.Reference
---@field settings scw.Reference
---@field status scw.Reference
---@field tags scw.Reference
---@field user_name scw.Reference
---@field volume_size scw.Reference
---@field volume_type scw.Reference

--- A managed PostgreSQL or MySQL server.
---@param name string
---@param fields scw.rdb_instance
---@param options? table
---@return scw.rdb_instance.Handle
function scope:rdb_instance(name, fields, options) end

---@class scw.rdb_privilege
---@field database scw.rdb_database.Handle|scw.Reference|string A database, or its name.
---@field instance scw.rdb_instance.Handle|scw.Reference|string
---@field permission "readonly"|"readwrite"|"all"|"custom"|"none"|scw.Reference
---@field region? string|scw.Reference Region; the stack's when not given.
---@field user scw.rdb_user.Handle|scw.Reference|string A user, or its name.

---@class scw.rdb_privilege.Handle: scw.Reference
---@field id scw.Reference
---@field database scw.Reference
---@field instance scw.Reference
---@field permission scw.Reference
---@field region scw.Reference
---@field user scw.Reference

--- What a user may do in a database.
---@param name string
---@param fields scw.rdb_privilege
---@param options? table
---@return scw.rdb_privilege.Handle
function scope:rdb_privilege(name, fields, options) end

---@class scw.rdb_user
---@field instance scw.rdb_instance.Handle|scw.Reference|string
---@field is_admin? boolean|scw.Reference
---@field name string|scw.Reference
---@field password string|scw.Reference
---@field region? string|scw.Reference Region; the stack's when not given.

---@class scw.rdb_user.Handle: scw.Reference
---@field id scw.Reference
---@field instance scw.Reference
---@field is_admin scw.Reference
---@field name scw.Reference
---@field password scw.Reference
---@field region scw.Reference

--- A user of a managed server.
---@param name string
---@param fields scw.rdb_user
---@param options? table
---@return scw.rdb_user.Handle
function scope:rdb_user(name, fields, options) end

---@class scw.registry_namespace
---@field description? string|scw.Reference What it holds.
---@field is_public? boolean|scw.Reference Whether anybody may pull its images.
---@field name string|scw.Reference Unique in the region among all customers.
---@field project? scw.account_project.Handle|scw.Reference|string Project; the stack's when not given.
---@field region? string|scw.Reference Region; the stack's when not given.

---@class scw.registry_namespace.Handle: scw.Reference
---@field id scw.Reference
---@field description scw.Reference
---@field endpoint scw.Reference
---@field image_count scw.Reference
---@field is_public scw.Reference
---@field name scw.Reference
---@field project scw.Reference
---@field region scw.Reference
---@field size scw.Reference
---@field status scw.Reference

--- A namespace of the container registry: images are pushed to its endpoint.
---@param name string
---@param fields scw.registry_namespace
---@param options? table
---@return scw.registry_namespace.Handle
function scope:registry_namespace(name, fields, options) end

---@class scw.secret.ephemeral_policy
---@field action "delete"|"disable"|scw.Reference
---@field expires_once_accessed? boolean|scw.Reference
---@field time_to_live? string|number|scw.Reference

---@class scw.secret
---@field description? string|scw.Reference
---@field ephemeral_policy? scw.secret.ephemeral_policy|scw.Reference When versions made from now on end by themselves.
---@field key_id? string|scw.Reference Key Manager key that wraps its values.
---@field name string|scw.Reference
---@field path? string|scw.Reference Folder.
---@field project? scw.account_project.Handle|scw.Reference|string Project; the stack's when not given.
---@field protected? boolean|scw.Reference Refuses deletion until it is turned off.
---@field region? string|scw.Reference Region; the stack's when not given.
---@field tags? (string)[]|scw.Reference
---@field type? "opaque"|"certificate"|"key_value"|"basic_credentials"|"database_credentials"|"ssh_key"|scw.Reference Shape of its values.

---@class scw.secret.Handle: scw.Reference
---@field id scw.Reference
---@field description scw.Reference
---@field ephemeral_policy scw.Reference
---@field key_id scw.Reference
---@field name scw.Reference
---@field path scw.Reference
---@field project scw.Reference
---@field protected scw.Reference
---@field region scw.Reference
---@field status scw.Reference
---@field tags scw.Reference
---@field type scw.Reference
---@field version_count scw.Reference

--- A named secret of Secret Manager; its values are versions.
---@param name string
---@param fields scw.secret
---@param options? table
---@return scw.secret.Handle
function scope:secret(name, fields, options) end

---@class scw.secret_version.generate
---@field digits? boolean|scw.Reference
---@field length? integer|scw.Reference
---@field lower? boolean|scw.Reference
---@field special? string|scw.Reference Special characters it may have, such as `!#%-_`.
---@field upper? boolean|scw.Reference

---@class scw.secret_version
---@field data? string|scw.Reference The value, at most 64 KiB.
---@field description? string|scw.Reference
---@field disable_previous? boolean|scw.Reference Disable the version before.
---@field generate? scw.secret_version.generate|scw.Reference Make the value while applying instead.
---@field region? string|scw.Reference Region; the stack's when not given.
---@field secret scw.secret.Handle|scw.Reference|string

---@class scw.secret_version.Handle: scw.Reference
---@field id scw.Reference
---@field data scw.Reference
---@field description scw.Reference
---@field disable_previous scw.Reference
---@field generate scw.Reference
---@field latest scw.Reference
---@field region scw.Reference
---@field revision scw.Reference
---@field secret scw.Reference
---@field status scw.Reference
---@field value scw.Reference

--- A value of a secret. It never changes: another value is another version.
---@param name string
---@param fields scw.secret_version
---@param options? table
---@return scw.secret_version.Handle
function scope:secret_version(name, fields, options) end

---@class scw.value
---@field input? any|scw.Reference Any value; references are fine.
---@field triggers? any|scw.Reference A change of this value replaces the resource.

---@class scw.value.Handle: scw.Reference
---@field id scw.Reference
---@field input scw.Reference
---@field output scw.Reference
---@field triggers scw.Reference

--- A value kept in the state: no service behind it.
---@param name string
---@param fields scw.value
---@param options? table
---@return scw.value.Handle
function scope:value(name, fields, options) end

---@class scw.vpc
---@field custom_routes_propagation? boolean|scw.Reference Cannot be turned off again.
---@field name string|scw.Reference
---@field project? scw.account_project.Handle|scw.Reference|string Project; the stack's when not given.
---@field region? string|scw.Reference Region; the stack's when not given.
---@field tags? (string)[]|scw.Reference
---@field transitivity? boolean|scw.Reference Whether peers of its peers are reachable.

---@class scw.vpc.Handle: scw.Reference
---@field id scw.Reference
---@field custom_routes_propagation scw.Reference
---@field is_default scw.Reference
---@field name scw.Reference
---@field project scw.Reference
---@field region scw.Reference
---@field routing_enabled scw.Reference
---@field tags scw.Reference
---@field transitivity scw.Reference

--- A virtual private cloud: private networks that are routed to each other.
---@param name string
---@param fields scw.vpc
---@param options? table
---@return scw.vpc.Handle
function scope:vpc(name, fields, options) end

return scope
