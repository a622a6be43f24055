# What test_terraform.py lets Terraform itself make, where Terraform and its AWS provider are given.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" {}
variable "uri_endpoint" {}
variable "uri_path" {}
variable "access_key_id" {}
variable "secret_access_key" { sensitive = true }
variable "name" {}
variable "description" { default = "made by terraform" }
variable "team" { default = "storage" }
variable "store_name" { default = "terraform itself" }

provider "aws" {
  region                  = "eu-central-1"
  access_key              = "test"
  secret_key              = "test"
  skip_metadata_api_check = true
  endpoints {
    kms = var.endpoint
    sts = var.endpoint
  }
}

resource "aws_kms_custom_key_store" "held" {
  custom_key_store_name  = var.store_name
  custom_key_store_type  = "EXTERNAL_KEY_STORE"
  xks_proxy_connectivity = "PUBLIC_ENDPOINT"
  xks_proxy_uri_endpoint = var.uri_endpoint
  xks_proxy_uri_path     = var.uri_path
  xks_proxy_authentication_credential {
    access_key_id         = var.access_key_id
    raw_secret_access_key = var.secret_access_key
  }
}

data "aws_caller_identity" "me" {}

resource "aws_kms_key" "held" {
  description             = var.description
  custom_key_store_id     = aws_kms_custom_key_store.held.id
  xks_key_id              = var.name
  deletion_window_in_days = 7
  tags                    = { team = var.team, empty = "" }
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "root"
      Effect    = "Allow"
      Action    = "kms:*"
      Resource  = "*"
      Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" }
    }]
  })
}

resource "aws_kms_key" "ordinary" {
  enable_key_rotation     = true
  deletion_window_in_days = 7
}

resource "aws_kms_alias" "held" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.held.key_id
}

resource "aws_kms_grant" "app" {
  name              = "terraform"
  key_id            = aws_kms_key.held.key_id
  grantee_principal = "arn:aws:iam::123456789012:role/app"
  operations        = ["Encrypt", "Decrypt", "GenerateDataKey"]
  constraints {
    encryption_context_equals = { Department = "Finance" }
  }
}

resource "aws_kms_ciphertext" "sealed" {
  key_id    = aws_kms_alias.held.target_key_id
  plaintext = "attack at dawn"
  context   = { customer = "nile" }
}

data "aws_kms_secrets" "opened" {
  secret {
    name    = "it"
    payload = aws_kms_ciphertext.sealed.ciphertext_blob
    context = { customer = "nile" }
  }
}

output "opened" {
  value     = data.aws_kms_secrets.opened.plaintext["it"]
  sensitive = true
}
