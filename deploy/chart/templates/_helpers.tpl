{{/* The image, with the tag of this release. */}}
{{- define "mtp.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* What selects the pods of one part: (list . "web"). */}}
{{- define "mtp.selector" -}}
app.kubernetes.io/name: mtp
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "mtp.labels" -}}
{{ include "mtp.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Values.image.tag | default (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ (index . 0).Chart.Name }}-{{ (index . 0).Chart.Version }}
{{- end }}

{{/* What all pods share, as x-portal and x-hardened of docker-compose.yml. */}}
{{- define "mtp.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* Of each container: (list . "database_url"). */}}
{{- define "mtp.container" -}}
{{- $root := index . 0 -}}
{{- $settings := $root.Values.settings -}}
{{- if eq (index . 1) "database_owner_url" -}}
{{- /* Its address is always the server itself, also where the others go through a pooler. */ -}}
{{- $settings = merge (dict "DATABASE_POOLER" "") $settings -}}
{{- end -}}
image: {{ include "mtp.image" $root | quote }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
env:
  - { name: MTP_ENVIRONMENT, value: production }
  - { name: TRUSTED_PROXY_COUNT, value: "1" }
  - { name: DATABASE_URL_FILE, value: /run/secrets/{{ index . 1 }} }
  - { name: REDIS_URL_FILE, value: /run/secrets/redis_url }
  - { name: SECRET_KEY_FILE, value: /run/secrets/secret_key }
  - { name: ENCRYPTION_KEYS_FILE, value: /run/secrets/encryption_keys }
  - { name: PAYMENT_LINK_KEYS_FILE, value: /run/secrets/payment_link_keys }
  - { name: EMAIL_URL_FILE, value: /run/secrets/email_url }
  - { name: METRICS_TOKEN_FILE, value: /run/secrets/metrics_token }
  - { name: STRIPE_API_KEY_FILE, value: /run/secrets/stripe_api_key }
  - { name: STRIPE_WEBHOOK_SECRET_FILE, value: /run/secrets/stripe_webhook_secret }
  - { name: HEARTBEAT_PATH, value: /tmp/heartbeat }
  - { name: WORKER_METRICS_PORT, value: "9100" }
  - { name: METRICS_DIR, value: /dev/shm }
  {{- $database := index . 1 }}
  {{- with $root.Values.databaseServers }}
  - { name: DATABASE_SERVERS, value: {{ join "," . | quote }} }
  {{- range . }}
  - { name: DATABASE_URL_{{ . }}_FILE, value: /run/secrets/{{ $database }}_{{ . }} }
  {{- end }}
  {{- end }}
  {{- range $name, $value := $settings }}
  - { name: {{ $name }}, value: {{ $value | quote }} }
  {{- end }}
volumeMounts:
  - { name: secrets, mountPath: /run/secrets, readOnly: true }
  # On disk, not in memory: exports and documents are put together there.
  - { name: tmp, mountPath: /tmp }
  - { name: memory, mountPath: /dev/shm }
{{- end }}

{{/* Each pod sees the secrets that it needs, and one database role: (list . "database_url"). */}}
{{- define "mtp.volumes" -}}
{{- $database := index . 1 }}
- name: secrets
  secret:
    secretName: {{ (index . 0).Values.secret }}
    defaultMode: 0440
    items:
      {{- range list (index . 1) "redis_url" "secret_key" "encryption_keys" "payment_link_keys" "email_url" "metrics_token" "stripe_api_key" "stripe_webhook_secret" }}
      - { key: {{ . }}, path: {{ . }} }
      {{- end }}
      {{- range (index . 0).Values.databaseServers }}
      - { key: {{ $database }}_{{ . }}, path: {{ $database }}_{{ . }} }
      {{- end }}
- { name: tmp, emptyDir: { sizeLimit: 4Gi } }
- { name: memory, emptyDir: { medium: Memory, sizeLimit: 64Mi } }
{{- end }}

{{/* Pods of one part on different machines, where there are several. */}}
{{- define "mtp.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "mtp.selector" . | nindent 8 }}
{{- end }}
